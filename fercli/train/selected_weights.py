"""The weights that the selection protocols keep: written after their epoch, calibrated and scored at the end of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import fercli
from fercli.config.templates import template
from fercli.config.training import TrainConfig
from fercli.data.dataset import Split
from fercli.evaluate import metrics
from fercli.evaluate.prediction_table import PredictionTable, write_predictions
from fercli.evaluate.scores import Score, SelectionCode, score_logits
from fercli.system.files import replacing
from fercli.train.components import Components
from fercli.train.scoring import SplitLogits
from fercli.train.selection import CODES, Selection
from fercli.train.state import SelectionProtocol, TrainingState
from fercli.weights.card import WeightsCard
from fercli.weights.files import load_weights, save_weights
from fercli.weights.preprocess import softmax
from fercli.weights.run_folder import RunFolder, run_name

ABSTAIN_BELOW = 0.5  # a calibrated prediction below this probability is more likely wrong than right
SCORED_SPLITS: tuple[Split, ...] = ("val", "test")


@dataclass(frozen=True)
class Selected:
    """One protocol's weights and their scores. selection: the protocol's code in the card, selected_by: the same for people."""

    protocol: SelectionProtocol
    epoch: int
    weights: Path
    selection: SelectionCode
    selected_by: str
    temperature: float
    scores: tuple[Score, ...]


def assumed_shares(counts: Sequence[int], labels: Sequence[str], recipe: TrainConfig) -> dict[str, float]:
    """Return the class shares that a network trained on `counts` images assumes; empty if a class has no images.

    Class weights n^-w, a balanced sampler (n^-balance) and logit adjustment by tau each take a power of the share away.
    """
    if not all(counts):
        return {}
    power = 1 - recipe.loss.class_weight - recipe.loss.logit_adjustment
    power -= recipe.balance if recipe.sampler == "balanced" else 0
    shares = [float(count) ** power for count in counts]
    return {label: share / sum(shares) for label, share in zip(labels, shares, strict=True)}


class SelectedWeights:
    """Writes, calibrates and scores the weights of every selection protocol."""

    def __init__(self, components: Components, state: TrainingState, folder: RunFolder, selection: Selection) -> None:
        self.components, self.state, self.folder, self.selection = components, state, folder, selection

    def keep(self, inference_weights: Mapping[str, Any]) -> None:
        """Write the weights for every protocol that prefers the epoch just finished."""
        for protocol in self.selection.protocols:
            if self.state.best[protocol].epoch == self.state.epoch:
                card = self._card(protocol, temperature=1.0, scores=())
                save_weights(self.folder.weights(protocol), inference_weights, card)

    def score(
        self,
        protocol: SelectionProtocol,
        logits_of: Callable[[Split], SplitLogits],
        *,
        licence: str,
        notes: Sequence[str],
    ) -> Selected:
        """Calibrate and score one protocol's weights, and let the first process write their card and predictions.

        logits_of: predicts a split with these weights. The temperature is fitted on validation images; without any it is 1.
        """
        samples, labels = self.components.data.evaluation_samples, self.components.data.dataset.labels
        logits = {split: logits_of(split) for split in SCORED_SPLITS if samples[split]}
        temperature = metrics.fit_temperature(*logits["val"]) if "val" in logits else 1.0
        scores = tuple(
            score_logits(split, *predicted, labels=labels, temperature=temperature)
            for split, predicted in logits.items()
        )
        path = self.folder.weights(protocol)
        if self.components.group.is_first:
            card = self._card(protocol, temperature=temperature, scores=scores)
            save_weights(path, load_weights(path)[0], replace(card, licence=licence, notes=tuple(notes)))
            for split, predicted in logits.items():
                self._write_predictions(protocol, split, predicted, temperature)
        return Selected(
            protocol=protocol,
            epoch=self.state.best[protocol].epoch,
            weights=path,
            selection=CODES[protocol],
            selected_by=self.selection.describe(protocol, self.state.epoch),
            temperature=temperature,
            scores=scores,
        )

    def _write_predictions(
        self, protocol: SelectionProtocol, split: Split, predicted: SplitLogits, temperature: float
    ) -> None:
        dataset = self.components.data.dataset
        probabilities = softmax(predicted.logits, temperature)
        table = PredictionTable(
            sources=tuple(sample.called(dataset.root) for sample in self.components.data.evaluation_samples[split]),
            labels=dataset.labels,
            truth=tuple(dataset.labels[index] for index in predicted.truth),
            predicted=tuple(dataset.labels[index] for index in probabilities.argmax(axis=1)),
            probabilities=probabilities.astype(np.float64),
        )
        with replacing(self.folder.predictions(protocol, split)) as temporary:
            write_predictions(temporary, table)

    def _card(self, protocol: SelectionProtocol, *, temperature: float, scores: Sequence[Score]) -> WeightsCard:
        dataset, config = self.components.data.dataset, self.components.config
        return WeightsCard(
            name=run_name(dataset.name, config.model.preset, config.train.seed),
            version="1",
            labels=dataset.labels,
            schema=dataset.schema,
            crop=template(dataset.template),
            model=config.model,
            prior=assumed_shares(self.components.data.class_counts().tolist(), dataset.labels, config.train),
            temperature=temperature,
            abstain_below=ABSTAIN_BELOW,
            data={
                "name": dataset.name,
                "train_images": len(self.components.data.train),
                "fingerprint": config.fingerprint,
                "alignment": dataset.alignment,
            },
            scores={
                "selection": CODES[protocol],
                "selected_by": self.selection.describe(protocol, self.state.epoch),
                "epoch": self.state.best[protocol].epoch,
                **{score.split: score.for_card() for score in scores},
            },
            provenance={
                "trained_by": f"fer train {fercli.__version__}",
                "recipe": asdict(config.train),
                **self.components.origin(self.state.schedules),
            },
        )
