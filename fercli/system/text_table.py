"""Text tables as people and programs write them: comma, semicolon or tab; UTF-8, UTF-16 or the code page of Excel."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fercli.errors import DataError

_ARCHIVE = "PK\x03\x04"  # how workbooks of Excel and LibreOffice begin
_MOST_ABOVE = 20  # lines of a title
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")


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

    The header is the first row with two cells that are not empty: rows above it are a title. Raises: DataError if the file
    cannot be parsed, or is a workbook.
    """
    text = read_text(path)
    if text.startswith(_ARCHIVE):
        raise DataError(
            f"{path}: a workbook, not a text table", fix="save it as csv: in Excel, File > Save as > CSV UTF-8"
        )
    text, skipped, separator = _from_header(text)
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


def _from_header(text: str) -> tuple[str, int, str]:
    """Return a text from its header on, how many lines are above it, and the separator."""
    stated, begin = None, 0
    for number, match in enumerate(islice(_LINE.finditer(text), _MOST_ABOVE)):
        line = match.group().strip()
        if number == 0 and re.fullmatch('"?sep=."?', line.lower()):
            stated, begin = line.strip('"')[-1], match.end()
            continue
        separator = stated or _separator(line)
        if sum(bool(cell.strip()) for cell in next(csv.reader([line], delimiter=separator), ())) > 1:
            return text[match.start() :], number, separator
    return text[begin:], int(begin > 0), stated or ","


def _separator(line: str) -> str:
    return next((char for char in "\t;" if char in line), ",")
