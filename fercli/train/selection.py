"""Which epoch's weights count, by three protocols side by side: the last, the best on validation, the best on test.

The third is what most published numbers are: chosen on the very images it is scored on. It is reported, under that name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

import fercli
from fercli.config.templates import template
from fercli.config.training import TrainConfig
from fercli.data.dataset import Dataset, Sample, Split
from fercli.errors import UsageError
from fercli.evaluate import metrics
from fercli.evaluate.prediction_table import PredictionTable, write_predictions
from fercli.evaluate.scores import Score, SelectionCode, score_logits
from fercli.system.files import replacing
from fercli.train.scoring import Answers
from fercli.train.state import Best, Protocol, State
from fercli.weights.card import WeightsCard
from fercli.weights.files import load_weights, save_weights
from fercli.weights.preprocess import softmax
from fercli.weights.run_folder import RunConfig, RunFolder

EVEN_ODDS = 0.5  # calibrated: under it an answer is more likely wrong than right
SCORED: tuple[Split, ...] = ("val", "test")
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
CODES: dict[Protocol, SelectionCode] = {"last": "last", "val": "val-best", "test_best": "test-best"}


@dataclass(frozen=True)
class Selected:
    """One protocol's weights and how good they are; `selected_by` says in words on what they were chosen.

    selection: the same for programs, as in the card.
    """

    protocol: Protocol
    epoch: int
    weights: Path
    selection: SelectionCode
    selected_by: str
    temperature: float
    scores: tuple[Score, ...]


class Selection:
    """Keeps each protocol's weights while a run goes on, and judges them at its end."""

    def __init__(
        self, dataset: Dataset, splits: Mapping[Split, Sequence[Sample]], folder: RunFolder, config: RunConfig
    ) -> None:
        """splits: the images that validate and test, those held out of train included."""
        self.dataset, self.splits, self.folder, self.config = dataset, splits, folder, config
        recipe = config.train
        on_test = bool(splits["test"]) and (recipe.test_best or recipe.select == "test_best")
        there = {"last": True, "val": bool(splits["val"]), "test_best": on_test}
        self.protocols = tuple(name for name in PROTOCOLS if there[name])
        if recipe.select not in self.protocols:
            split = "validation" if recipe.select == "val" else "test"
            raise UsageError(
                f"select={recipe.select}, but {dataset.name} has no {split} images",
                fix="--set validation=0.1 holds some out, --set select=last needs none"
                if split == "validation"
                else "--set select=last",
            )
        if recipe.patience and not splits["val"]:
            raise UsageError(
                f"patience={recipe.patience} waits for a better validation accuracy, and nothing is held out",
                fix="--set validation=0.1, or --set patience=0",
            )

    def splits_of_an_epoch(self) -> tuple[Split, ...]:
        """The splits to score after every epoch."""
        wanted: dict[Split, bool] = {"val": "val" in self.protocols, "test": "test_best" in self.protocols}
        return tuple(split for split, scored in wanted.items() if scored)

    def update(self, state: State, epoch: int, scores: Mapping[Split, tuple[float, float]]) -> dict[Protocol, Best]:
        """Each protocol's best epoch, now that `epoch` has been scored.

        scores: overall and mean class accuracy by split. Of equal overall accuracies the higher mean is better, then the
        earlier epoch.
        """
        best = {**state.best, "last": Best(epoch, 0.0)}
        chosen_on: dict[Protocol, Split] = {"val": "val", "test_best": "test"}
        for protocol, split in chosen_on.items():
            before = state.best.get(protocol, Best())
            if protocol in self.protocols and scores[split] > (before.accuracy, before.mean_accuracy):
                best[protocol] = Best(epoch, *scores[split])
        return best

    def keep(self, state: State, inference: Mapping[str, Any], *, train_images: int, origin: Mapping[str, Any]) -> None:
        """Write the weights of every protocol that prefers the epoch just finished."""
        for protocol in self.protocols:
            if state.best[protocol].epoch == state.epoch:
                card = self._card(
                    protocol, state.epoch, 1.0, (), epochs=state.epoch, train_images=train_images, origin=origin
                )
                save_weights(self.folder.weights(protocol), inference, card)

    def judge(
        self,
        protocol: Protocol,
        epoch: int,
        answer: Callable[[Split], Answers],
        *,
        epochs: int,
        train_images: int,
        origin: Mapping[str, Any],
        licence: str,
        notes: Sequence[str],
        write: bool,
    ) -> Selected:
        """Calibrate and score one protocol's weights, which the model behind `answer` holds; `write` card and predictions.

        epochs: how many there were to choose from. origin: what the card's provenance says beside the recipe.

        The temperature is fitted on validation images, where there are any; without them it is 1.
        """
        logits = {split: answer(split) for split in SCORED if self.splits[split]}
        temperature = metrics.fit_temperature(*logits["val"]) if "val" in logits else 1.0
        labels = self.dataset.labels
        scores = tuple(
            score_logits(split, found, truth, labels=labels, temperature=temperature)
            for split, (found, truth) in logits.items()
        )
        path = self.folder.weights(protocol)
        if write:
            card = self._card(
                protocol, epoch, temperature, scores, epochs=epochs, train_images=train_images, origin=origin
            )
            save_weights(path, load_weights(path)[0], replace(card, licence=licence, notes=tuple(notes)))
            for split, (found, truth) in logits.items():
                names = tuple(sample.called(self.dataset.root) for sample in self.splits[split])
                self._predictions(protocol, split, names, truth, softmax(found, temperature))
        return Selected(protocol, epoch, path, CODES[protocol], self._words(protocol, epochs), temperature, scores)

    def _predictions(
        self,
        protocol: Protocol,
        split: Split,
        names: tuple[str, ...],
        truth: NDArray[np.int64],
        probabilities: NDArray[np.float32],
    ) -> None:
        labels = self.dataset.labels
        table = PredictionTable(
            sources=names,
            labels=labels,
            truth=tuple(labels[place] for place in truth),
            predicted=tuple(labels[place] for place in probabilities.argmax(axis=1)),
            probabilities=probabilities.astype(np.float64),
        )
        with replacing(self.folder.predictions(protocol, split)) as temporary:
            write_predictions(temporary, table)

    def _words(self, protocol: Protocol, epochs: int) -> str:
        recipe: TrainConfig = self.config.train
        if protocol == "last":
            return "last epoch (no selection)"
        if protocol == "test_best":
            return f"overall accuracy on the test split itself, best of {epochs} epochs"
        own = "the validation split" if self.dataset.split("val") else f"{recipe.validation:.0%} of train, held out"
        return f"overall accuracy on {own}, best of {epochs} epochs"

    def _card(
        self,
        protocol: Protocol,
        epoch: int,
        temperature: float,
        scores: Sequence[Score],
        *,
        epochs: int,
        train_images: int,
        origin: Mapping[str, Any],
    ) -> WeightsCard:
        dataset = self.dataset
        return WeightsCard(
            name=self.folder.path.resolve().name,
            version="1",
            labels=dataset.labels,
            schema=dataset.schema,
            crop=template(dataset.template),
            model=self.config.model,
            temperature=temperature,
            abstain_below=EVEN_ODDS,
            data={
                "name": dataset.name,
                "train_images": train_images,
                "fingerprint": self.config.fingerprint,
                "alignment": dataset.alignment,
            },
            scores={
                "selection": CODES[protocol],
                "selected_by": self._words(protocol, epochs),
                "epoch": epoch,
                **{score.split: score.for_card() for score in scores},
            },
            provenance={
                "trained_by": f"fer train {fercli.__version__}",
                "recipe": asdict(self.config.train),
                **origin,
            },
        )
