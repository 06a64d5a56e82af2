"""Identical pictures within and across the splits of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fercli.data.dataset import SPLITS, Split


@dataclass(frozen=True)
class Duplicates:
    """Pictures with identical pixels.

    groups: different pictures that occur more than once. in_train: labelled images of another split that also occur in
    train. conflicting: groups whose labels differ.
    """

    groups: int
    in_train: Mapping[Split, int]
    conflicting: int


def count_duplicates(groups: Iterable[Sequence[tuple[Split, object | None]]]) -> Duplicates:
    """Count groups of identical pictures; each member is its split and its label, None if it is unlabelled."""
    groups = list(groups)
    with_train = [group for group in groups if any(split == "train" for split, _ in group)]
    return Duplicates(
        groups=len(groups),
        in_train={
            split: sum(
                member_split == split and label is not None for group in with_train for member_split, label in group
            )
            for split in SPLITS
            if split != "train"
        },
        conflicting=sum(len({label for _, label in group if label is not None}) > 1 for group in groups),
    )
