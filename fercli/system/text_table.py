"""Text tables as people and programs write them: comma, semicolon or tab; UTF-8, UTF-16 or the code page of Excel."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from fercli.errors import DataError


@dataclass(frozen=True)
class TextTable:
    """rows: line number in the file, and cells by column; empty rows are left out."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, in UTF-16 with a byte order mark, or else in Windows' western code page."""
    content = path.read_bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read_table(path: Path) -> TextTable:
    """Read a table; the separator is that of the header, or of a first line such as Excel's `sep=;`.

    Raises: DataError if it cannot be parsed.
    """
    text = read_text(path)
    first = text.partition("\n")[0].strip().strip('"').lower()
    skipped = 0
    if first.startswith("sep=") and len(first) == 5:
        separator, text, skipped = first[-1], text.partition("\n")[2], 1
    else:
        separator = next((sign for sign in "\t;" if sign in first), ",")
    rows = []
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        for cells in reader:
            row = {name: value or "" for name, value in cells.items() if isinstance(name, str)}
            if any(value.strip() for value in row.values()):
                rows.append((reader.line_num + skipped, row))
        header = tuple(name for name in reader.fieldnames or ())
    except csv.Error as error:
        raise DataError(f"{path}: not a table ({error})", fix="save it as csv") from error
    return TextTable(path, header, tuple(rows))
