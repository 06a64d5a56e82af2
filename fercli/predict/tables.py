"""Predictions in, a csv, Parquet or JSON lines file out: row by row, in constant memory, complete or absent."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from fercli import __version__
from fercli.errors import RefusedError, UsageError
from fercli.predict.predictions import Cell, as_record, as_row, columns
from fercli.results import Prediction
from fercli.system.files import refuse_existing, replacing

CSV, PARQUET, JSON_LINES = ".csv", ".parquet", ".jsonl"
TABLE_SUFFIXES = (CSV, PARQUET, JSON_LINES)
_GROUP_ROWS = 4096  # of a row group: what waits in memory


class Table(ABC):
    """A file of predictions that is being written."""

    @abstractmethod
    def add(self, predictions: Sequence[Prediction]) -> None:
        """Append one row per prediction."""


@contextmanager
def open_table(
    path: Path, labels: Sequence[str], *, settings: Mapping[str, object] | None = None, overwrite: bool = False
) -> Iterator[Table]:
    """Write predictions into a file of the kind its suffix says; it gets its name when the `with` ends without an error.

    settings: what shaped the run; a Parquet file carries them in its metadata, under the key `fer`.
    Raises: UsageError for another suffix, RefusedError if the file is there, or pyarrow is not.
    """
    check_table_path(path, overwrite=overwrite)
    with replacing(path) as temporary:
        if path.suffix == PARQUET:
            with _parquet(temporary, labels, settings or {}) as table:
                yield table
        else:
            with open_text(temporary, "w") as file:
                yield CsvTable(file, labels) if path.suffix == CSV else _JsonLines(file)


def check_table_path(path: Path, *, overwrite: bool) -> None:
    """Refuse what `open_table` would, before the work begins."""
    if path.suffix not in TABLE_SUFFIXES:
        raise UsageError(f"{path}: what kind of table is that?", fix=f"a name that ends in {', '.join(TABLE_SUFFIXES)}")
    refuse_existing(path, overwrite=overwrite)
    if path.suffix == PARQUET:
        _pyarrow()


def open_text(path: Path, mode: str) -> TextIO:
    """A text file of rows; names of files may be any bytes."""
    return path.open(mode, newline="", encoding="utf-8", errors="surrogateescape")  # type: ignore[return-value]


class CsvTable(Table):
    """Writes csv: a header, then a row per prediction; what does not apply is an empty cell."""

    def __init__(self, file: TextIO, labels: Sequence[str], *, header: bool = True) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._labels = tuple(labels)
        if header:
            self._writer.writerow([column.name for column in columns(labels)])

    def add(self, predictions: Sequence[Prediction]) -> None:
        self._writer.writerows(as_row(prediction, self._labels) for prediction in predictions)


class _JsonLines(Table):
    """Writes what `--json` prints."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def add(self, predictions: Sequence[Prediction]) -> None:
        for prediction in predictions:
            self._file.write(json.dumps(as_record(prediction), ensure_ascii=False, allow_nan=False) + "\n")


class _Parquet(Table):
    """Collects rows and hands them on in groups."""

    def __init__(self, writer: Any, schema: Any, labels: Sequence[str]) -> None:
        self._writer, self._schema, self._labels = writer, schema, tuple(labels)
        self._rows: list[list[Cell]] = []

    def add(self, predictions: Sequence[Prediction]) -> None:
        self._rows += [[_utf8(cell) for cell in as_row(prediction, self._labels)] for prediction in predictions]
        if len(self._rows) >= _GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what waits as one row group."""
        if self._rows:
            arrow, cells = _pyarrow(), zip(*self._rows, strict=True)
            arrays = [arrow.array(column, type=kind) for column, kind in zip(cells, self._schema.types, strict=True)]
            self._writer.write_table(arrow.table(arrays, schema=self._schema))
            self._rows = []


@contextmanager
def _parquet(path: Path, labels: Sequence[str], settings: Mapping[str, object]) -> Iterator[Table]:
    arrow = _pyarrow()
    from pyarrow.parquet import ParquetWriter

    types = {
        "text": arrow.string(),
        "int": arrow.int64(),
        "float": arrow.float64(),
        "bool": arrow.bool_(),
    }
    facts = {"program": f"fer {__version__}", **settings}
    metadata = {"fer": json.dumps(facts, ensure_ascii=True, default=str)}
    schema = arrow.schema([(column.name, types[column.kind]) for column in columns(labels)], metadata=metadata)
    with ParquetWriter(path, schema, compression="zstd") as writer:
        table = _Parquet(writer, schema, labels)
        yield table
        table.flush()


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        raise RefusedError(
            "Parquet files are written by pyarrow, which is not there",
            fix="pip install pyarrow, or name it .csv or .jsonl",
        ) from error
    return pyarrow


def _utf8(cell: Cell) -> Cell:
    """A cell that UTF-8 can hold: bytes of a file name that are no text are spelled out."""
    if isinstance(cell, str):
        return cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return cell
