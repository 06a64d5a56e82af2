"""Selection protocols: which epoch's weights are kept and reported.

Up to three run side by side: the last epoch, the best on validation images, the best on the test split. Most published numbers use
the third, which selects on the images that it is scored on; it is reported under that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from fercli.data.dataset import Split
from fercli.errors import UsageError
from fercli.evaluate.scores import SelectionCode
from fercli.formatting import percent
from fercli.train.state import BestEpoch, SelectionProtocol, TrainingState
from fercli.train.training_data import TrainingData
from fercli.weights.run_folder import RunConfig

PROTOCOLS: tuple[SelectionProtocol, ...] = get_args(SelectionProtocol)
CODES: dict[SelectionProtocol, SelectionCode] = {"last": "last", "val": "val-best", "test_best": "test-best"}
_SELECTS_ON: dict[SelectionProtocol, Split] = {"val": "val", "test_best": "test"}


class Selection:
    """The protocols of a run, and the best epoch of each so far."""

    def __init__(self, data: TrainingData, config: RunConfig) -> None:
        """Raises UsageError if the recipe selects, or waits, on images that the data set does not have."""
        self.data, self.recipe = data, config.train
        samples, recipe = data.evaluation_samples, config.train
        on_test = bool(samples["test"]) and (recipe.test_best or recipe.select == "test_best")
        available = {"last": True, "val": bool(samples["val"]), "test_best": on_test}
        self.protocols = tuple(name for name in PROTOCOLS if available[name])
        if recipe.select not in self.protocols:
            split = "validation" if recipe.select == "val" else "test"
            raise UsageError(
                f"select={recipe.select}, but {data.dataset.name} has no {split} images",
                fix="--set validation=0.1 holds some out, --set select=last needs none"
                if split == "validation"
                else "--set select=last",
            )
        if recipe.patience and not samples["val"]:
            raise UsageError(
                f"patience={recipe.patience} needs validation images, and none are held out",
                fix="--set validation=0.1, or --set patience=0",
            )

    def splits_to_score(self) -> tuple[Split, ...]:
        """Return the splits to score after every epoch."""
        return tuple(split for protocol, split in _SELECTS_ON.items() if protocol in self.protocols)

    def update(
        self, state: TrainingState, epoch: int, scores: Mapping[Split, tuple[float, float]]
    ) -> dict[SelectionProtocol, BestEpoch]:
        """Return each protocol's best epoch, now that `epoch` has been scored.

        scores: overall and mean class accuracy by split. Of equal overall accuracies the higher mean class accuracy is better,
        then the earlier epoch.
        """
        best = {**state.best, "last": BestEpoch(epoch, 0.0)}
        for protocol, split in _SELECTS_ON.items():
            before = state.best.get(protocol, BestEpoch())
            if protocol in self.protocols and scores[split] > (before.accuracy, before.mean_accuracy):
                best[protocol] = BestEpoch(epoch, *scores[split])
        return best

    def describe(self, protocol: SelectionProtocol, epochs: int) -> str:
        """Return how a protocol selected one of `epochs` epochs, for people."""
        if protocol == "last":
            return "last epoch (no selection)"
        if protocol == "test_best":
            images = "the test split itself"
        elif self.data.dataset.split("val"):
            images = "the validation split"
        else:
            images = f"{percent(self.recipe.validation)} of train, held out"
        return f"overall accuracy on {images}, best of {epochs} epochs"
