"""Predictions as Parquet, with the settings of the run in the metadata under the key `fer`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fercli.errors import DataError, RefusedError
from fercli.results import Prediction
from fercli.rows.records import CellValue, columns, prediction_row
from fercli.rows.table import TableFormat
from fercli.system.packages import install_command

_MAGIC = b"PAR1"  # the first and the last bytes of a Parquet file
GROUP_ROWS = 4096  # rows of a row group, which are kept in memory
_BATCH_ROWS, _MAX_TEXT_BYTES = 1024, 131_072  # that are read; csv has the same limit of a text
_MIN_GROUP_BYTES, _MAX_COMPRESSION = 64_000_000, 100  # of a row group that is read: as many bytes, or times the file


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


def read_header(path: Path, *, fix: str) -> tuple[list[str], bytes | None]:
    """Return the columns of a Parquet file and the settings in its metadata, None without any.

    fix: of errors. Raises: DataError for a damaged file and a column that is there twice, RefusedError without pyarrow.
    """
    with _opened(path, fix) as file:
        names, metadata = file.schema_arrow.names, file.schema_arrow.metadata or {}
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path}: the column {twice[0]} is there twice", fix=fix)
    return names, metadata.get(b"fer")


def read_cells(path: Path, *, fix: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file as cells by column.

    Raises: DataError for a damaged file, ValueError for one that takes far more memory than it is large.
    """
    with _opened(path, fix) as file:
        _check_sizes(file.metadata, path)
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            _check_texts(batch)
            yield from batch.to_pylist()


@contextmanager
def _opened(path: Path, fix: str) -> Iterator[Any]:
    """Yield the open file; DataError if it cannot be decoded. Errors of the operating system are kept."""
    arrow = _pyarrow("reading")
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            yield file
    except (arrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = next(iter(str(error).splitlines()), "no reason was given")
        raise DataError(f"{path}: not a Parquet file, or a damaged one ({reason})", fix=fix) from error


def _check_sizes(metadata: Any, path: Path) -> None:
    """Raise ValueError for a row group that takes far more memory than the file is large."""
    limit = max(_MIN_GROUP_BYTES, _MAX_COMPRESSION * path.stat().st_size)
    for number in range(metadata.num_row_groups):
        size = metadata.row_group(number).total_byte_size
        if size > limit:
            raise ValueError(f"a part takes {size / 1e6:,.0f} MB when it is unpacked")


def _check_texts(batch: Any) -> None:
    """Raise ValueError for a text that is longer than those of a csv file may be."""
    from pyarrow import compute, types

    for column in batch.columns:
        is_text = types.is_string(column.type) or types.is_large_string(column.type)
        if is_text and (compute.max(compute.binary_length(column)).as_py() or 0) > _MAX_TEXT_BYTES:
            raise ValueError(f"a text of more than {_MAX_TEXT_BYTES:,} bytes")


def _pyarrow(task: str = "writing") -> Any:
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        fix = install_command("parquet") + (", or save as .csv or .jsonl" if task == "writing" else "")
        raise RefusedError(f"{task} Parquet files needs pyarrow, which is not installed", fix=fix) from error
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
