"""Write tables as csv: complete or not at all; None is an empty cell, names of files may be any bytes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fercli.system.files import replacing


def write_rows(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows of cells under their column names."""
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def write_csv(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write records under the field names of the first one."""
    names = list(records[0])
    write_rows(path, names, [[record[name] for name in names] for record in records])
