"""FERPlus as Microsoft's own script leaves it, read in place: a folder of pictures for each split, with votes in label.csv."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from fercli.config.labels import schema
from fercli.data.faults import refuse_faults
from fercli.data.fer2013 import SIDE, VOTE_CLASSES
from fercli.data.fer2013_labels import label_of_votes
from fercli.data.records import Dataset, Sample, Split
from fercli.errors import DataError
from fercli.results import Box

LAYOUT = "FER2013Train, FER2013Valid and FER2013Test with label.csv and fer*.png"
_FOLDERS: dict[str, Split] = {"FER2013Train": "train", "FER2013Valid": "val", "FER2013Test": "test"}
_LIST = "label.csv"
_WHOLE = (0.0, 0.0, float(SIDE), float(SIDE))
_BOX = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)")


def is_ferplus_folders(root: Path) -> bool:
    """Whether the folder, or its `data` folder, is the layout of FERPlus' repository."""
    return _data(root) is not None


def open_ferplus_folders(root: Path) -> Dataset:
    """Read the pictures that label.csv names, labelled by the majority of their votes.

    Images without a winner keep their votes and have no label; what shows no face, or nothing anyone could name, is left
    out, and so is a name that is listed twice: its file can be either picture.
    Errors: DataError names lines that cannot be read and pictures that are not there.
    """
    data = _data(root)
    if data is None:
        raise DataError(f"{root} is not FERPlus as its repository has it", fix=f"expected layout: {LAYOUT}")
    labels = schema("ferplus").names
    samples = []
    for folder, split in _FOLDERS.items():
        if not (data / folder / _LIST).is_file():
            continue
        rows = list(_rows(data / folder))
        times = Counter(name for name, _, _ in rows)
        for name, box, votes in rows:
            label, _, usable = label_of_votes(votes)
            if usable and times[name] == 1:
                samples.append(
                    Sample(
                        path=data / folder / name,
                        split=split,
                        label=None if label is None else labels.index(label),
                        votes=tuple(map(float, votes[: len(labels)])),
                        box_xyxy=None if box == _WHOLE else box,
                        name=name,
                    )
                )
    return Dataset(name="ferplus", schema="ferplus", labels=labels, samples=tuple(samples), root=data)


def _rows(folder: Path) -> Iterator[tuple[str, Box, tuple[int, ...]]]:
    """Name, face box and votes of every line of label.csv, which has no header."""
    faults: list[str] = []
    with (folder / _LIST).open(newline="", encoding="utf-8-sig") as file:
        for line, cells in enumerate(csv.reader(file), start=1):
            try:
                name, box, votes = _row(cells)
            except ValueError as fault:
                faults.append(f"line {line}: {fault}")
                continue
            if not (folder / name).is_file():
                faults.append(f"line {line}: {name} is not there")
            yield name, box, votes
    refuse_faults(
        folder / _LIST,
        faults,
        fix=f"expected layout: {LAYOUT}; FERPlus' generate_training_data.py writes the pictures from fer2013.csv",
    )


def _row(cells: Sequence[str]) -> tuple[str, Box, tuple[int, ...]]:
    if len(cells) != 2 + len(VOTE_CLASSES):
        raise ValueError(f"{len(cells)} fields, not {2 + len(VOTE_CLASSES)}")
    name, text, *votes = (cell.strip() for cell in cells)
    box = _BOX.fullmatch(text)
    if box is None:
        raise ValueError(f"the box {text!r} is not like (0, 0, 48, 48)")
    if not name or Path(name).name != name:
        raise ValueError(f"{name!r} is no file name")
    if not all(vote.isascii() and vote.isdigit() for vote in votes):
        raise ValueError("votes are not all whole numbers")
    left, top, right, bottom = map(float, box.groups())
    return name, (left, top, right, bottom), tuple(map(int, votes))


def _data(root: Path) -> Path | None:
    return next((folder for folder in (root, root / "data") if (folder / "FER2013Train" / _LIST).is_file()), None)
