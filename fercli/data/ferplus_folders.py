"""FERPlus as Microsoft's script writes it: a folder of pictures for each split, with votes in label.csv."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fercli.config.labels import LabelSchema
from fercli.data.dataset import Dataset, Sample, Split
from fercli.data.fer2013_csv import SIDE, VOTE_CLASSES
from fercli.data.fer2013_labels import label_of_votes
from fercli.data.list_errors import ListErrors, coordinate_px
from fercli.errors import DataError
from fercli.results import Box

FERPLUS_LAYOUT = "FER2013Train, FER2013Valid and FER2013Test with label.csv and fer*.png"
_FOLDERS: dict[str, Split] = {"FER2013Train": "train", "FER2013Valid": "val", "FER2013Test": "test"}
_LIST = "label.csv"
_WHOLE = (0.0, 0.0, float(SIDE), float(SIDE))
_BOX = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)")


def is_ferplus_folders(root: Path) -> bool:
    """Whether the folder, or its `data` folder, is the layout of FERPlus' repository."""
    return _data_folder(root) is not None


def read_ferplus_folders(root: Path, labels: LabelSchema) -> Dataset:
    """Read the pictures that label.csv names, labelled by the majority of their votes.

    Images without a winner keep their votes and have no label; images of no face or of unknown expression are left out,
    and so are names listed twice: their file can be either picture.
    Raises: DataError names lines that cannot be parsed and pictures that do not exist.
    """
    data = _data_folder(root)
    if data is None:
        raise DataError(
            f"{root} does not have the layout of FERPlus' repository", fix=f"expected layout: {FERPLUS_LAYOUT}"
        )
    samples = []
    for folder, split in _FOLDERS.items():
        if not (data / folder / _LIST).is_file():
            continue
        rows = _read_list(data / folder)
        counts = Counter(name for name, _, _ in rows)
        for name, box, votes in rows:
            label, _, usable = label_of_votes(votes)
            if usable and counts[name] == 1:
                samples.append(
                    Sample(
                        path=data / folder / name,
                        split=split,
                        label=None if label is None else labels.index(label),
                        votes=tuple(map(float, votes[: len(labels.names)])),
                        box_xyxy=None if box == _WHOLE else box,
                        name=name,
                    )
                )
    return Dataset(name=labels.name, schema=labels.name, labels=labels.names, samples=tuple(samples), root=data)


def _read_list(folder: Path) -> list[tuple[str, Box, tuple[int, ...]]]:
    """Name, face box and votes of every line of label.csv, which has no header."""
    errors = ListErrors(
        folder / _LIST,
        fix=f"expected layout: {FERPLUS_LAYOUT}; FERPlus' generate_training_data.py writes the pictures from fer2013.csv",
    )
    rows = []
    with errors.reading(), (folder / _LIST).open(newline="", encoding="utf-8-sig") as file:
        for line, cells in enumerate(csv.reader(file), start=1):
            try:
                name, box, votes = _parse(cells)
                if not (folder / name).is_file():
                    raise ValueError(f"{name} does not exist")
                rows.append((name, box, votes))
            except ValueError as error:
                errors.add(f"line {line}: {error}")
    errors.raise_if_any()
    return rows


def _parse(cells: Sequence[str]) -> tuple[str, Box, tuple[int, ...]]:
    if len(cells) != 2 + len(VOTE_CLASSES):
        raise ValueError(f"{len(cells)} fields, not {2 + len(VOTE_CLASSES)}")
    name, text, *votes = (cell.strip() for cell in cells)
    box = _BOX.fullmatch(text)
    if box is None:
        raise ValueError(f"the box {text!r} is not like (0, 0, 48, 48)")
    if not name or Path(name).name != name:
        raise ValueError(f"{name!r} is not a file name")
    if not all(vote.isascii() and vote.isdigit() for vote in votes):
        raise ValueError("votes are not all whole numbers")
    left, top, right, bottom = map(coordinate_px, box.groups())
    return name, (left, top, right, bottom), tuple(map(int, votes))


def _data_folder(root: Path) -> Path | None:
    return next((folder for folder in (root, root / "data") if (folder / "FER2013Train" / _LIST).is_file()), None)
