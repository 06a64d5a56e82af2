"""FER2013 and FERPlus in their official layouts: the official csv, with FERPlus' votes beside it."""

from __future__ import annotations

from pathlib import Path

from fercli.config.labels import LabelSchema, schema
from fercli.data import ferplus_folders
from fercli.data.dataset import Dataset, Sample
from fercli.data.fer2013_csv import VoteRow, check_same_rows, read_fer2013, read_votes
from fercli.data.fer2013_labels import copy_groups, label_rows
from fercli.data.folder import open_folder
from fercli.data.reader import Published, Reader, class_counts
from fercli.errors import DataError

_IMAGES = ("fer2013.csv", "fer2013/fer2013.csv", "icml_face_data.csv")
_VOTES = ("fer2013new.csv", "FERPlus/fer2013new.csv", "FERPlus-master/fer2013new.csv")


def read_fer2013_folder(root: Path, labels: LabelSchema) -> Dataset:
    """Read fer2013.csv with the official labels, or train|val|test/CLASS/*; DataError names rows that cannot be parsed."""
    images = _images_csv(root)
    if images is None:
        return open_folder(root, labels=labels)
    return _read_rows(images, None, labels)


def read_ferplus(root: Path, labels: LabelSchema) -> Dataset:
    """Read the rows of fer2013.csv labelled by the majority of the votes in fer2013new.csv beside it.

    Without fer2013.csv: the folders of FERPlus' repository, or train|val|test/CLASS/*.
    Images without a winner keep their votes and have no label; images of no face or of unknown expression are left out.
    Copies share a group. Raises: DataError where a file is missing or its rows cannot be parsed.
    """
    images = _images_csv(root)
    if images is None:
        is_repository = ferplus_folders.is_ferplus_folders(root)
        return ferplus_folders.read_ferplus_folders(root, labels) if is_repository else open_folder(root, labels=labels)
    folder = images.parent
    votes = next((parent / name for parent in (root, folder) for name in _VOTES if (parent / name).is_file()), None)
    if votes is None:
        raise DataError(
            f"{folder} has {images.name} but no fer2013new.csv with FERPlus' votes",
            fix="put the file of https://github.com/microsoft/FERPlus beside it, or name the data set fer2013",
        )
    return _read_rows(images, read_votes(votes), labels)


def _images_csv(root: Path) -> Path | None:
    """The csv of images in a folder, or the file itself; None if there is none."""
    if root.is_file():
        return root
    return next((root / name for name in _IMAGES if (root / name).is_file()), None)


def _read_rows(images: Path, votes: list[VoteRow] | None, labels: LabelSchema) -> Dataset:
    rows = read_fer2013(images)
    if votes is not None:
        check_same_rows(rows, votes)
    row_labels = label_rows(rows, votes, by_majority=votes is not None)
    groups = copy_groups(rows, [row_label.usable for row_label in row_labels])
    samples = tuple(
        Sample(
            path=images,
            split=row.split,
            label=None if row_label.label is None else labels.index(row_label.label),
            votes=tuple(map(float, row_label.votes[: len(labels.names)])) if row_label.votes else None,
            group=groups.get(index),
            first_label=labels.index(row.label) if row_label.votes else None,
            offset=row.offset,
            name=row_label.name,
        )
        for index, (row, row_label) in enumerate(zip(rows, row_labels, strict=True))
        if row_label.usable
    )
    return Dataset(name=labels.name, schema=labels.name, labels=labels.names, samples=samples, root=images.parent)


FER2013 = Reader(
    labels=schema("fer2013"),
    read=read_fer2013_folder,
    layout="fer2013.csv, or made by: fer data prepare fer2013 FER2013.csv",
    matches=lambda root: _images_csv(root) is not None and not ferplus_folders.is_ferplus_folders(root),
    published=Published(
        access="the csv is Kaggle's ICML-2013 challenge",
        counts={
            "train": class_counts(schema("fer2013"), 3995, 436, 4097, 7215, 4830, 3171, 4965),
            "val": class_counts(schema("fer2013"), 467, 56, 496, 895, 653, 415, 607),
            "test": class_counts(schema("fer2013"), 491, 55, 528, 879, 594, 416, 626),
        },
        duplicates={"val": 280, "test": 288},
        note="Training, PublicTest and PrivateTest are train, val and test.",
    ),
)

FERPLUS = Reader(
    labels=schema("ferplus"),
    read=read_ferplus,
    layout=(
        f"fer2013.csv beside fer2013new.csv, or {ferplus_folders.FERPLUS_LAYOUT}, "
        "or made by: fer data prepare fer2013 FER2013.csv --ferplus fer2013new.csv"
    ),
    matches=lambda root: _images_csv(root) is not None or ferplus_folders.is_ferplus_folders(root),
    published=Published(
        access="images: Kaggle's ICML-2013 challenge; votes: https://github.com/microsoft/FERPlus",
        counts={
            "train": class_counts(schema("ferplus"), 8740, 7287, 3149, 3014, 2100, 119, 532, 119),
            "val": class_counts(schema("ferplus"), 1182, 865, 415, 351, 287, 24, 62, 13),
            "test": class_counts(schema("ferplus"), 1090, 893, 396, 384, 273, 18, 83, 16),
        },
        duplicates={"val": 251, "test": 259},
        note="Counts of the majority rule: single votes dropped, a class wins with more than half of the rest.",
    ),
)
