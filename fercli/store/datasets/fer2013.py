"""Reads the official fer2013.csv and FERPlus' fer2013new.csv: rows out, or every fault with its line number."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from fercli.errors import DataError
from fercli.labels import schema
from fercli.store.datasets.records import Split

SIDE = 48  # pixels of a FER2013 image
USAGE: dict[str, Split] = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
VOTE_CLASSES = (*schema("ferplus").names, "unknown", "NF")  # NF: not a face
HEADER = ("emotion", "pixels", "Usage")
FERPLUS_HEADER = ("Usage", "Image name", *VOTE_CLASSES)
FAULTS_SHOWN = 10
_FERPLUS_NAME = re.compile(r"fer\d{7}\.png")
_GREY = {str(value): value for value in range(256)}

Row = TypeVar("Row")


@dataclass(frozen=True)
class FerRow:
    """One image of fer2013.csv: `pixels` are 48 x 48 grey values, row by row; `label` is the owner's class."""

    label: str
    split: Split
    pixels: bytes


@dataclass(frozen=True)
class VoteRow:
    """One row of fer2013new.csv: the annotators' votes in the order of VOTE_CLASSES.

    name: FERPlus' file name of the image, which is not its row number; None where the file names no image (173 rows
    that show no face) or gives one name to two rows (4 names).
    """

    name: str | None
    split: Split
    votes: tuple[int, ...]


def read_fer2013(path: Path) -> list[FerRow]:
    """Read fer2013.csv in row order; DataError lists what is wrong with which lines."""
    names, codes = schema("fer2013").names, schema("fer2013").codes

    def row(cells: Sequence[str]) -> FerRow:
        code, pixels, usage = cells
        if code not in codes:
            raise ValueError(f"emotion {code!r} is none of {codes[0]}..{codes[-1]}")
        if usage not in USAGE:
            raise ValueError(f"Usage {usage!r} is none of {', '.join(USAGE)}")
        return FerRow(names[codes.index(code)], USAGE[usage], _grey_values(pixels))

    return _read(path, HEADER, row, "the official fer2013.csv starts with the line " + ",".join(HEADER))


def read_votes(path: Path) -> list[VoteRow]:
    """Read FERPlus' fer2013new.csv, whose rows are those of fer2013.csv; DataError lists faults by line."""

    def row(cells: Sequence[str]) -> VoteRow:
        usage, name, *votes = cells
        if usage not in USAGE:
            raise ValueError(f"Usage {usage!r} is none of {', '.join(USAGE)}")
        if name and not _FERPLUS_NAME.fullmatch(name):
            raise ValueError(f"image name {name!r} is not like fer0000000.png")
        if not all(vote.isascii() and vote.isdigit() for vote in votes):
            raise ValueError("votes are not all whole numbers")
        return VoteRow(name or None, USAGE[usage], tuple(map(int, votes)))

    rows = _read(path, FERPLUS_HEADER, row, "FERPlus' fer2013new.csv is at https://github.com/microsoft/FERPlus")
    uses = Counter(row.name for row in rows)
    return [replace(row, name=None) if uses[row.name] > 1 else row for row in rows]


def majority(votes: Sequence[int]) -> str | None:
    """FERPlus' majority rule: single votes are dropped, the winner holds more than half of the rest.

    Votes in the order of VOTE_CLASSES; the answer may be `unknown` or `NF`, and is None without a winner.
    Source: Barsoum et al. 2016, section 3, as in Microsoft's published code.
    """
    kept = without_single_votes(votes)
    return VOTE_CLASSES[kept.index(max(kept))] if 2 * max(kept) > sum(kept) else None


def without_single_votes(votes: Sequence[int]) -> tuple[int, ...]:
    """Votes with every 1 set to 0: Microsoft's outlier rule."""
    return tuple(0 if vote <= 1 else vote for vote in votes)


def _grey_values(text: str) -> bytes:
    try:
        pixels = bytes(map(_GREY.__getitem__, text.split()))
    except KeyError:
        raise ValueError("pixels are not all whole numbers from 0 to 255") from None
    if len(pixels) != SIDE * SIDE:
        raise ValueError(f"{len(pixels)} pixels, not {SIDE * SIDE}")
    return pixels


def _read(path: Path, header: Sequence[str], row: Callable[[Sequence[str]], Row], fix: str) -> list[Row]:
    rows: list[Row] = []
    faults: list[str] = []
    for number, (line, cells) in enumerate(_lines(path, fix)):
        if number == 0:
            if tuple(cells) != tuple(header):
                raise DataError(f"{path}, line {line}: the header is {','.join(cells)[:80]!r}", fix=fix)
            continue
        try:
            if len(cells) != len(header):
                raise ValueError(f"{len(cells)} fields, not {len(header)}")
            rows.append(row(cells))
        except ValueError as fault:
            faults.append(f"line {line}: {fault}")
    if faults:
        more = f"; and {len(faults) - FAULTS_SHOWN} more lines" if len(faults) > FAULTS_SHOWN else ""
        raise DataError(f"{path}: " + "; ".join(faults[:FAULTS_SHOWN]) + more, fix=fix)
    if not rows:
        raise DataError(f"{path} has no rows", fix=fix)
    return rows


def _lines(path: Path, fix: str) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            for cells in reader:
                yield reader.line_num, cells
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", fix="check the path of the csv file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a csv file ({error})", fix=fix) from error


def check_same_rows(images: Sequence[FerRow], votes: Sequence[VoteRow]) -> None:
    """Make sure row i of both files is the same image; DataError says where they part."""
    if len(images) != len(votes):
        raise DataError(
            f"fer2013.csv has {len(images)} rows, fer2013new.csv {len(votes)}",
            fix="use both files whole, in their order",
        )
    for number, (image, vote) in enumerate(zip(images, votes, strict=True)):
        if image.split != vote.split:
            raise DataError(
                f"row {number} is {image.split} in fer2013.csv and {vote.split} in fer2013new.csv",
                fix="use both files whole, in their order",
            )
