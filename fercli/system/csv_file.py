"""Write tables as csv: complete or not at all; None is an empty cell, names of files may be any bytes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from fercli.errors import DataError
from fercli.system.files import replacing

BOM = "\ufeff"  # tells spreadsheets that a file is UTF-8


class LineFeeds:
    """Ends rows with a line feed only, although the csv writer ends them with both signs so that it quotes both in cells."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> int:
        return self._file.write(row.removesuffix("\r\n") + "\n")


def csv_writer(file: TextIO) -> Any:
    """Return a csv writer whose rows end with a line feed; cells may contain line feeds and carriage returns."""
    return csv.writer(LineFeeds(file))


@contextmanager
def reading_csv(path: Path, *, fix: str) -> Iterator[None]:
    """Turn errors of a csv file that is being read into DataError: another encoding, cells of unlimited length.

    fix: what the file should be.
    """
    try:
        yield
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a csv file in UTF-8 ({error})", fix=fix) from error


def write_rows(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]], *, bom: bool = False) -> None:
    """Write rows of cells under their column names."""
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        file.write(BOM if bom else "")
        writer = csv_writer(file)
        writer.writerow(head)
        writer.writerows(rows)


def write_csv(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write records under the field names of the first one."""
    names = list(records[0])
    write_rows(path, names, [[record[name] for name in names] for record in records])
