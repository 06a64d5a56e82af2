"""The images of a run: training crops with their targets, and the crops that evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fercli.config.training import LossConfig
from fercli.data.dataset import Dataset, Sample, Split
from fercli.data.holdout import train_and_validation
from fercli.data.loader import Crops, in_batches, labels_of, targets_of
from fercli.errors import DataError, UsageError
from fercli.train.attention_terms import target_classes
from fercli.train.process_group import ProcessGroup
from fercli.train.sampling import epoch_order
from fercli.weights.run_folder import RunConfig


@dataclass(frozen=True)
class TrainingData:
    """labels: class indices [M] of the training images, -1 without a label. evaluation: the splits val and test.

    classes: the class of each training target [M], which supervises attention; -1 where its votes have no winner. truth: the
    true classes [M], -1 where unknown; None where every label counts as right.
    """

    dataset: Dataset
    train: Crops
    labels: Tensor
    classes: Tensor
    truth: Tensor | None
    evaluation_samples: Mapping[Split, Sequence[Sample]]
    evaluation: Mapping[Split, Crops]

    def class_counts(self) -> Tensor:
        """Return the number of labelled training images of every class, [N]."""
        return torch.bincount(self.labels[self.labels >= 0], minlength=len(self.dataset.labels))

    def batches(self, epoch: int, config: RunConfig, group: ProcessGroup) -> list[list[int]]:
        """Return the indices of an epoch's batches over all processes; a batch with fewer images than processes is left out.

        Raises: UsageError if no batch is left.
        """
        recipe = config.train
        order = epoch_order(self.labels, recipe, epoch).tolist()
        batches = in_batches(order, recipe.batch_size, drop_last=recipe.drop_last)
        large_enough = [batch for batch in batches if len(batch) >= group.size]
        if not large_enough:
            raise UsageError(
                f"batches of {len(batches[0])} images cannot be shared by {group.size} processes",
                fix="--set batch_size=... larger, or fewer processes",
            )
        return large_enough


def training_data(dataset: Dataset, config: RunConfig) -> TrainingData:
    """Split a data set as in the recipe.

    Raises: DataError without training images of two classes, or for an image without a usable target.
    """
    recipe, size = config.train, config.model.input.size
    train_samples, val_samples = train_and_validation(
        dataset,
        share=recipe.validation,
        seed=recipe.seed,
        with_unlabelled=recipe.loss.soft_targets and recipe.loss.unlabelled,
    )
    _require_two_classes(dataset, train_samples)
    evaluation: dict[Split, Sequence[Sample]] = {"val": val_samples, "test": dataset.split("test")}
    targets = targets_of(train_samples, len(dataset.labels), recipe.loss)
    return TrainingData(
        dataset=dataset,
        train=Crops(train_samples, targets, size),
        labels=labels_of(train_samples),
        classes=_classes(train_samples, targets, recipe.loss),
        truth=_truth(train_samples, config),
        evaluation_samples=evaluation,
        evaluation={split: Crops(samples, labels_of(samples), size) for split, samples in evaluation.items()},
    )


def _by_first_label(sample: Sample, loss: LossConfig) -> bool:
    """Whether the class of a sample's target is the original label, whatever the votes are."""
    return loss.soft_targets and loss.first_label > 0.5 and sample.first_label is not None


def _classes(samples: Sequence[Sample], targets: Tensor, loss: LossConfig) -> Tensor:
    """The class of each target, [M]; -1 where two classes are equal, or votes without a winner decide."""
    with_winner = torch.tensor([sample.label is not None or _by_first_label(sample, loss) for sample in samples])
    return target_classes(targets).masked_fill(~with_winner, -1)


def _truth(samples: Sequence[Sample], config: RunConfig) -> Tensor | None:
    """The classes before label noise, or the votes' winners where the original labels are the targets; None without either."""
    if not config.changes.noise and not any(_by_first_label(sample, config.train.loss) for sample in samples):
        return None
    labels = [sample.label if sample.true_label is None else sample.true_label for sample in samples]
    return torch.tensor([-1 if label is None else label for label in labels])


def _require_two_classes(dataset: Dataset, samples: Sequence[Sample]) -> None:
    """Raise DataError unless the training images are of two classes at least."""
    trained = {dataset.labels[sample.label] for sample in samples if sample.label is not None}
    if len(trained) < 2 and not any(sample.votes for sample in samples):
        only = f"all training images are of the class {min(trained)}" if trained else "no training image has a label"
        raise DataError(
            f"{dataset.root}: {only}, and a classifier needs two classes",
            fix="add a folder train/CLASS of another class",
        )
