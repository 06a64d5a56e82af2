"""Figure 4: what one or two networks answer on the same images, as bars (probabilities.png) and numbers (.csv)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fercli.config.labels import PAPER_ORDER
from fercli.explain.faces import Face, crops_of
from fercli.explain.plots import plot_bars
from fercli.progress import Progress
from fercli.system.csv_file import write_csv
from fercli.weights.network import Network
from fercli.weights.preprocess import softmax


@dataclass(frozen=True)
class Probabilities:
    """Calibrated: softmax(P_VIT / temperature), each network with its own temperature."""

    name = "probabilities"
    networks = (1, 2)
    even = True
    default_count = 8

    def check(self, networks: Sequence[Network]) -> None:
        """Every network will do."""

    def draw(
        self, networks: Sequence[Network], faces: Sequence[Face], names: Sequence[str], place: Path, progress: Progress
    ) -> tuple[str, ...]:
        """Write probabilities.png and probabilities.csv; returns remarks for the reader."""
        labels = _labels(networks)
        answers: list[dict[tuple[int, str], float]] = []
        for number, network in enumerate(networks):
            progress(number, len(networks), names[number])
            logits = network.logits(network.images(crops_of(faces, network.card.model.input.size)))
            table = softmax(logits, network.card.temperature)
            answers.append(
                {
                    (row, label): float(table[row, column])
                    for row in range(len(faces))
                    for column, label in enumerate(network.card.labels)
                }
            )
        write_csv(
            place / "probabilities.csv",
            [
                {"image": face.name, "label": face.label, "class": label}
                | {
                    f"p_{letter}": _cell(answer.get((row, label)))
                    for letter, answer in zip("ab", answers, strict=False)
                }
                for row, face in enumerate(faces)
                for label in labels
            ],
        )
        plot_bars(
            place / "probabilities.png",
            list(crops_of(faces, networks[0].card.model.input.size)),
            [face.label for face in faces],
            [[[answer.get((row, label), 0.0) for label in labels] for answer in answers] for row in range(len(faces))],
            labels=labels,
            names=names,
        )
        return ()


def _labels(networks: Sequence[Network]) -> tuple[str, ...]:
    """Every class that one of the networks knows, in the paper's order."""
    known = {label for network in networks for label in network.card.labels}
    return tuple(x for x in PAPER_ORDER if x in known) + tuple(sorted(known - set(PAPER_ORDER)))


def _cell(share: float | None) -> str | None:
    return None if share is None else f"{share:.6f}"
