"""Which images train and which validate: the data set's own split, or a stratified part of train, never the test split."""

from __future__ import annotations

import numpy as np

from fercli.data.dataset import Dataset, Sample
from fercli.errors import DataError


def train_and_validation(
    dataset: Dataset, *, share: float, seed: int, with_unlabelled: bool
) -> tuple[list[Sample], list[Sample]]:
    """Training and validation samples. Without a validation split, `share` of each class of train is held out by seed; 0 holds
    nothing out.

    with_unlabelled: also train on images that have votes but no label. Errors: DataError where nothing is left to train on.
    """
    train = list(dataset.split("train", with_unlabelled=with_unlabelled))
    if not train:
        raise DataError(f"{dataset.root} has no training images", fix="a folder train/CLASS/* with pictures")
    own = list(dataset.split("val"))
    if own or not share:
        return train, own
    labels = np.array([-1 if sample.label is None else sample.label for sample in train])
    held: set[int] = set()
    for label in np.unique(labels[labels >= 0]).tolist():
        members = np.random.default_rng([seed, label]).permutation(np.flatnonzero(labels == label))
        held |= set(members[: max(1, round(share * len(members)))].tolist())
    kept = [sample for place, sample in enumerate(train) if place not in held]
    if not kept:
        raise DataError(f"{dataset.root}: too few training images to hold some out", fix="add a val split")
    return kept, [train[place] for place in sorted(held)]
