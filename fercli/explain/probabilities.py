"""Figure 4: the probabilities of one or two networks for the same images, as bars (probabilities.png) and numbers (.csv)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fercli.data.dataset import paper_order
from fercli.explain.images import LabelledImage, load_crops
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
    balanced = True
    default_count = 8

    def check(self, networks: Sequence[Network]) -> None:
        """Accept every network."""

    def draw(
        self,
        networks: Sequence[Network],
        images: Sequence[LabelledImage],
        names: Sequence[str],
        folder: Path,
        progress: Progress,
    ) -> tuple[str, ...]:
        """Write probabilities.png and probabilities.csv; return remarks for the reader."""
        labels = paper_order({label for network in networks for label in network.card.labels})
        predictions: list[list[dict[str, float]]] = []  # by network and image
        for number, network in enumerate(networks):
            progress(number, len(networks), names[number])
            logits = network.logits(network.images(load_crops(images, network.card.model.input.size)))
            table = softmax(logits, network.card.temperature).tolist()
            predictions.append([dict(zip(network.card.labels, row, strict=True)) for row in table])
        records = [
            {
                "image": image.name,
                "label": image.label,
                "class": label,
                **{
                    f"p_{letter}": _cell(network_rows[row].get(label))
                    for letter, network_rows in zip("ab", predictions, strict=False)
                },
            }
            for row, image in enumerate(images)
            for label in labels
        ]
        write_csv(folder / "probabilities.csv", records)
        plot_bars(
            folder / "probabilities.png",
            list(load_crops(images, networks[0].card.model.input.size)),
            [image.label for image in images],
            [
                [[network_rows[row].get(label, 0.0) for label in labels] for network_rows in predictions]
                for row in range(len(images))
            ],
            labels=labels,
            names=names,
        )
        return ()


def _cell(share: float | None) -> str | None:
    return None if share is None else f"{share:.6f}"
