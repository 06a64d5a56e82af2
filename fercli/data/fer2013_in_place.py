"""FER2013 as its owners ship it, read in place: the official csv, with FERPlus' votes beside it."""

from __future__ import annotations

from pathlib import Path

from fercli.config.labels import schema
from fercli.data.fer2013 import check_same_rows, read_fer2013, read_votes
from fercli.data.fer2013_labels import copy_groups, label_rows
from fercli.data.records import Dataset, Sample
from fercli.errors import DataError

_IMAGES = ("fer2013.csv", "fer2013/fer2013.csv", "icml_face_data.csv")
_VOTES = ("fer2013new.csv", "FERPlus/fer2013new.csv", "FERPlus-master/fer2013new.csv")


def fer2013_csv(root: Path) -> Path | None:
    """The csv of images in a folder, or the file itself; None if there is none."""
    if root.is_file():
        return root
    return next((root / name for name in _IMAGES if (root / name).is_file()), None)


def open_fer2013(root: Path, name: str) -> Dataset:
    """Read fer2013.csv; `ferplus` labels its rows by the majority of the votes in fer2013new.csv beside it.

    Images without a winner keep their votes and have no label; what shows no face, or nothing anyone could name, is left
    out. Copies share a group. Errors: DataError where a file is missing or its rows are at fault.
    """
    images = fer2013_csv(root)
    if images is None:
        raise DataError(f"{root} holds no fer2013.csv", fix=f"looked for {', '.join(_IMAGES)}")
    folder = images.parent
    rows = read_fer2013(images)
    voted = None
    if name == "ferplus":
        votes = next((place / name for place in (root, folder) for name in _VOTES if (place / name).is_file()), None)
        if votes is None:
            raise DataError(
                f"{folder} has {images.name} but no fer2013new.csv with FERPlus' votes",
                fix="put the file of https://github.com/microsoft/FERPlus beside it, or name the data set fer2013",
            )
        voted = read_votes(votes)
        check_same_rows(rows, voted)
    labels = schema(name)
    found = label_rows(rows, voted, by_majority=name == "ferplus")
    groups = copy_groups(rows, [one.usable for one in found])
    samples = tuple(
        Sample(
            path=images,
            split=row.split,
            label=None if one.label is None else labels.index(one.label),
            votes=tuple(map(float, one.votes[: len(labels.names)])) if one.votes else None,
            group=groups.get(number),
            first_label=labels.index(row.label) if one.votes else None,
            offset=row.offset,
            name=one.name,
        )
        for number, (row, one) in enumerate(zip(rows, found, strict=True))
        if one.usable
    )
    return Dataset(name=name, schema=name, labels=labels.names, samples=samples, root=folder)
