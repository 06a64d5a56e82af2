"""Predictions as Parquet, with the settings of the run in the metadata under the key `fer`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fercli.errors import RefusedError
from fercli.results import Prediction
from fercli.rows.records import CellValue, columns, prediction_row
from fercli.rows.table import TableFormat
from fercli.system.packages import install_command

_MAGIC = b"PAR1"  # the first and the last bytes of a Parquet file
GROUP_ROWS = 4096  # rows of a row group, which are kept in memory


class ParquetTable:
    """Collects rows and writes them in row groups."""

    def __init__(self, writer: Any, schema: Any, labels: Sequence[str], *, group_rows: int) -> None:
        self._writer, self._schema, self._labels, self._group_rows = writer, schema, tuple(labels), group_rows
        self._rows: list[list[CellValue]] = []

    def add(self, predictions: Sequence[Prediction]) -> None:
        self._rows += [prediction_row(prediction, self._labels) for prediction in predictions]
        if len(self._rows) >= self._group_rows:
            self.flush()

    def flush(self) -> None:
        """Write the collected rows as one row group."""
        if self._rows:
            arrow, cells = _pyarrow(), zip(*self._rows, strict=True)
            arrays = [arrow.array(column, type=kind) for column, kind in zip(cells, self._schema.types, strict=True)]
            self._writer.write_table(arrow.table(arrays, schema=self._schema))
            self._rows = []


@contextmanager
def open_parquet(
    path: Path, labels: Sequence[str], settings: Mapping[str, object], *, group_rows: int = GROUP_ROWS
) -> Iterator[ParquetTable]:
    """Yield a table whose file is complete when the `with` block ends."""
    arrow = _pyarrow()
    from pyarrow.parquet import ParquetWriter

    types = {"text": arrow.string(), "int": arrow.int64(), "float": arrow.float64(), "bool": arrow.bool_()}
    metadata = {"fer": json.dumps(settings, ensure_ascii=True, default=str)} if settings else {}
    schema = arrow.schema([(column.name, types[column.type]) for column in columns(labels)], metadata=metadata)
    with ParquetWriter(path, schema, compression="zstd") as writer:
        table = ParquetTable(writer, schema, labels, group_rows=group_rows)
        yield table
        table.flush()


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        raise RefusedError(
            "writing Parquet files needs pyarrow, which is not installed",
            fix=f"{install_command('parquet')}, or save as .csv or .jsonl",
        ) from error
    return pyarrow


PARQUET = TableFormat(open_parquet, check=_pyarrow, holds_settings=True)


def is_whole(path: Path) -> bool:
    """Whether a Parquet file exists and was not cut off: it begins and ends with the four bytes of the format."""
    try:
        with path.open("rb") as file:
            begin = file.read(len(_MAGIC))
            file.seek(max(file.seek(0, os.SEEK_END) - len(_MAGIC), len(_MAGIC)))
            return begin == file.read() == _MAGIC
    except FileNotFoundError:
        return False
