"""How one data set is declared: its classes, the layouts it comes in, the function that reads them, published counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fercli.config.labels import LabelSchema
from fercli.data.dataset import Dataset, Split


@dataclass(frozen=True)
class Published:
    """What is published about a data set.

    access: where to get it. counts: images per split and class, empty where no count is known; total: per class over
    all splits, where there are no official splits. certain: whether the counts are confirmed by the official lists.
    duplicates: images of a split that are known to be in train too. note: what to know before comparing numbers.
    """

    access: str
    counts: Mapping[Split, Mapping[str, int]] = field(default_factory=dict)
    total: Mapping[str, int] = field(default_factory=dict)
    certain: bool = True
    duplicates: Mapping[Split, int] = field(default_factory=dict)
    note: str = ""


def _never(_root: Path) -> bool:
    return False


@dataclass(frozen=True)
class Reader:
    """One data set that `fer` knows by name; `readers.py` lists them.

    labels: its classes in the official order; `labels.name` is the data set's name.
    read: read a folder (or file) in one of the data set's layouts; gets the folder and `labels`. Raises: DataError for
        lines it cannot parse. Images that are listed and do not exist go into `Dataset.missing`.
    layout: the expected layouts, for messages.
    matches: whether a folder has a layout that names the data set, so that its path alone is enough. Where two data sets
        match, as AffectNet with 7 and with 8 classes, the user has to give the name.
    """

    labels: LabelSchema
    read: Callable[[Path, LabelSchema], Dataset]
    layout: str
    published: Published
    matches: Callable[[Path], bool] = _never

    def __post_init__(self) -> None:
        counts = [*self.published.counts.values(), *filter(None, [self.published.total])]
        if any(set(classes) != set(self.labels.names) for classes in counts):
            raise ValueError(f"published counts of {self.labels.name} do not have its classes")


def class_counts(labels: LabelSchema, *counts: int) -> dict[str, int]:
    """Return the counts in the order of the official codes, by class name."""
    return dict(zip(labels.names, counts, strict=True))
