"""Choose training and validation images: the data set's own splits, or a stratified part of train; never the test split."""

from __future__ import annotations

import numpy as np

from fercli.data.dataset import Dataset, Sample
from fercli.errors import DataError


def train_and_validation(
    dataset: Dataset, *, share: float, seed: int, with_unlabelled: bool
) -> tuple[list[Sample], list[Sample]]:
    """Return training and validation samples; without a validation split, `share` of each class of train is held out by seed;
    a class keeps one training image at least.

    with_unlabelled: also train on images that have votes but no label. Raises: DataError if no images are left on either side.
    """
    train = list(dataset.split("train", with_unlabelled=with_unlabelled))
    if not train:
        raise DataError(f"{dataset.root} has no training images", fix="add a folder train/CLASS/* with pictures")
    validation = list(dataset.split("val"))
    if validation or not share:
        return train, validation
    labels = np.array([-1 if sample.label is None else sample.label for sample in train])
    held_out: set[int] = set()
    for label in np.unique(labels[labels >= 0]).tolist():
        members = np.random.default_rng([seed, label]).permutation(np.flatnonzero(labels == label))
        count = min(max(1, round(share * len(members))), len(members) - 1)  # one image of each class stays in train
        held_out |= set(members[:count].tolist())
    kept = [sample for index, sample in enumerate(train) if index not in held_out]
    if not held_out:
        raise DataError(f"{dataset.root}: too few training images to hold some out", fix="add a val split")
    return kept, [train[index] for index in sorted(held_out)]
