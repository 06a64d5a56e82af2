"""Write tables as csv: complete or not at all; None is an empty cell, names of files may be any bytes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from fercli.system.files import replacing

BOM = "\ufeff"  # tells spreadsheets that a file is UTF-8
# how formulas begin; also in double width, which spreadsheets in East Asian languages accept
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_APOSTROPHE = "'"


def spreadsheet_text(value: Any) -> Any:
    """Return a text that a spreadsheet would take for a formula after an apostrophe; other values as they are."""
    return f"{_APOSTROPHE}{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


def plain_text(value: Any) -> Any:
    """Return what `spreadsheet_text` was given."""
    is_marked = isinstance(value, str) and value.startswith(_APOSTROPHE) and value[1:].startswith(_FORMULA_STARTS)
    return value[1:] if is_marked else value


class LineFeeds:
    """Ends rows with a line feed only, although the csv writer ends them with both characters so that it quotes both in cells."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> int:
        return self._file.write(row.removesuffix("\r\n") + "\n")


def csv_writer(file: TextIO) -> Any:
    """Return a csv writer whose rows end with a line feed; cells may contain line feeds and carriage returns."""
    return csv.writer(LineFeeds(file))


def write_rows(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]], *, bom: bool = False) -> None:
    """Write rows of cells under their column names. bom: for spreadsheets, where no text may be a formula."""
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        file.write(BOM if bom else "")
        writer = csv_writer(file)
        writer.writerow(head)
        writer.writerows([spreadsheet_text(cell) for cell in row] for row in rows) if bom else writer.writerows(rows)


def write_csv(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write records under the field names of the first one."""
    names = list(records[0])
    write_rows(path, names, [[record[name] for name in names] for record in records])
