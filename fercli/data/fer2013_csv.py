"""Parse the official fer2013.csv and FERPlus' fer2013new.csv; errors are reported together, with their lines."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fercli.config.labels import schema
from fercli.data.dataset import Split
from fercli.data.list_errors import ListErrors
from fercli.errors import DataError

SIDE = 48  # pixels of a FER2013 image
USAGE: dict[str, Split] = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
VOTE_CLASSES = (*schema("ferplus").names, "unknown", "NF")  # NF: not a face
HEADER = ("emotion", "pixels", "Usage")
FERPLUS_HEADER = ("Usage", "Image name", *VOTE_CLASSES)
_FERPLUS_NAME = re.compile(r"fer\d{7}\.png")

_Row = TypeVar("_Row")


@dataclass(frozen=True)
class FerRow:
    """One image of fer2013.csv: `pixels` are 48 x 48 grey values, row by row; `label` is the official class.

    offset: byte of the file at which its line begins, for `read_pixels_at`.
    """

    label: str
    split: Split
    pixels: bytes
    offset: int = 0


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
    """Read fer2013.csv in row order; DataError lists the lines that cannot be parsed."""
    names, codes = schema("fer2013").names, schema("fer2013").codes

    def parse(cells: Sequence[str], offset: int) -> FerRow:
        code, pixels, usage = cells
        if code not in codes:
            raise ValueError(f"emotion {code!r} is none of {codes[0]}..{codes[-1]}")
        if usage not in USAGE:
            raise ValueError(f"Usage {usage!r} is none of {', '.join(USAGE)}")
        return FerRow(names[codes.index(code)], USAGE[usage], _grey_values(pixels), offset)

    return _read(path, HEADER, parse, "the official fer2013.csv starts with the line " + ",".join(HEADER))


def read_votes(path: Path) -> list[VoteRow]:
    """Read FERPlus' fer2013new.csv, whose rows are those of fer2013.csv; DataError lists the lines that cannot be parsed."""

    def parse(cells: Sequence[str], _offset: int) -> VoteRow:
        usage, name, *votes = cells
        if usage not in USAGE:
            raise ValueError(f"Usage {usage!r} is none of {', '.join(USAGE)}")
        if name and not _FERPLUS_NAME.fullmatch(name):
            raise ValueError(f"image name {name!r} is not like fer0000000.png")
        if not all(vote.isascii() and vote.isdigit() for vote in votes):
            raise ValueError("votes are not all whole numbers")
        return VoteRow(name or None, USAGE[usage], tuple(map(int, votes)))

    rows = _read(path, FERPLUS_HEADER, parse, "FERPlus' fer2013new.csv is at https://github.com/microsoft/FERPlus")
    uses = Counter(row.name for row in rows)
    return [replace(row, name=None) if uses[row.name] > 1 else row for row in rows]


def read_pixels_at(path: Path, offset: int) -> NDArray[np.uint8]:
    """Read one image of fer2013.csv by the byte offset of its line: uint8 [48, 48]; DataError if no image begins there."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            cells = _cells(file.readline().decode("utf-8"))
        return np.frombuffer(_grey_values(max(cells, key=len, default="")), np.uint8).reshape(SIDE, SIDE)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", fix="check the path of the csv file") from error
    except (ValueError, csv.Error) as error:  # UnicodeDecodeError is a ValueError
        raise DataError(
            f"{path} has changed: no image begins at byte {offset} ({error})", fix="start again with the changed file"
        ) from error


def majority(votes: Sequence[int]) -> str | None:
    """Apply FERPlus's majority rule: single votes are dropped, the winner holds more than half of the rest.

    Votes in the order of VOTE_CLASSES; returns a class, `unknown` or `NF`, or None without a winner.
    Source: Barsoum et al. 2016, section 3, as in Microsoft's published code.
    """
    kept = without_single_votes(votes)
    return VOTE_CLASSES[kept.index(max(kept))] if 2 * max(kept) > sum(kept) else None


def without_single_votes(votes: Sequence[int]) -> tuple[int, ...]:
    """Return the votes with every 1 set to 0: Microsoft's outlier rule."""
    return tuple(0 if vote <= 1 else vote for vote in votes)


def _grey_values(text: str) -> bytes:
    # three times as fast as parsing number by number; characters are checked first, as numpy stops at unknown ones
    wrong = text.encode().translate(None, b"0123456789 ")
    values = np.fromstring("" if wrong else text, np.int64, sep=" ")
    if wrong or values.max(initial=0) > 255:
        raise ValueError("pixels are not all whole numbers from 0 to 255")
    if len(values) != SIDE * SIDE:
        raise ValueError(f"{len(values)} pixels, not {SIDE * SIDE}")
    return values.astype(np.uint8).tobytes()


def _cells(line: str) -> list[str]:
    """Fields of a line; most have no quotes and need no csv reader."""
    return next(csv.reader([line]), []) if '"' in line else line.rstrip("\r\n").split(",")


def _read(path: Path, header: Sequence[str], parse: Callable[[Sequence[str], int], _Row], fix: str) -> list[_Row]:
    """Rows after the header, whose columns may be in another order and padded with blanks (as in icml_face_data.csv)."""
    rows: list[_Row] = []
    errors = ListErrors(path, fix=fix)
    order: list[int] | None = None
    for line, offset, cells in _lines(path, fix):
        if order is None:
            order = _column_order(cells, header)
            if order is None:
                raise DataError(f"{path}, line {line}: the header is {','.join(cells)[:80]!r}", fix=fix)
            continue
        try:
            if len(cells) != len(header):
                raise ValueError(f"{len(cells)} fields, not {len(header)}")
            rows.append(parse([cells[index] for index in order], offset))
        except ValueError as error:
            errors.add(f"line {line}: {error}")
    errors.raise_if_any()
    if not rows:
        raise DataError(f"{path} has no rows", fix=fix)
    return rows


def _column_order(cells: Sequence[str], header: Sequence[str]) -> list[int] | None:
    names = [cell.strip() for cell in cells]
    return [names.index(name) for name in header] if sorted(names) == sorted(header) else None


def _lines(path: Path, fix: str) -> Iterator[tuple[int, int, list[str]]]:
    """Number, first byte and cells of every line; a line is a row, as no field holds a line break."""
    try:
        with path.open("rb") as file:
            offset = 0
            for number, line in enumerate(file, start=1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                yield number, offset, _cells(text)
                offset += len(line)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", fix="check the path of the csv file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a csv file ({error})", fix=fix) from error


def check_same_rows(images: Sequence[FerRow], votes: Sequence[VoteRow]) -> None:
    """Make sure row i of both files is the same image; DataError names the first row that differs."""
    if len(images) != len(votes):
        raise DataError(
            f"fer2013.csv has {len(images)} rows, fer2013new.csv {len(votes)}",
            fix="use both files complete and in their original order",
        )
    for number, (image, vote) in enumerate(zip(images, votes, strict=True)):
        if image.split != vote.split:
            raise DataError(
                f"row {number} is {image.split} in fer2013.csv and {vote.split} in fer2013new.csv",
                fix="use both files complete and in their original order",
            )
