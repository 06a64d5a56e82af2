"""Better labels of the same images, from another data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from fercli.data.dataset import Dataset, Split
from fercli.errors import DataError


def true_classes(names: Sequence[str], better: Dataset, split: Split, *, data: str) -> list[str | None]:
    """Find the class of each named image in the better data set by its file name; None if it has no label there.

    data: the name of the images' own data set, for the message. Raises: DataError if none of them is there.
    """
    known = {
        PurePosixPath(sample.called(better.root)).name: better.labels[sample.label]
        for sample in better.split(split)
        if sample.label is not None
    }
    truth = [known.get(PurePosixPath(name).name) for name in names]
    if not any(truth):
        raise DataError(
            f"{better.name} has none of the {split} images of {data} by file name",
            fix="two data sets made from the same files",
        )
    return truth
