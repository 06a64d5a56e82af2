"""The table formats of `fer predict --save`, by suffix. To add one, add a file and an entry to TABLE_FORMATS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fercli.errors import UsageError
from fercli.rows.csv_table import CSV, CSV_WITH_BOM
from fercli.rows.json_lines import JSON_LINES
from fercli.rows.parquet import PARQUET
from fercli.rows.run_record import RunRecord, write_settings
from fercli.rows.table import TableFormat, TableWriter
from fercli.system.files import refuse_existing, replacing, writing_alone

TABLE_FORMATS: dict[str, TableFormat] = {".csv": CSV, ".parquet": PARQUET, ".jsonl": JSON_LINES}


@contextmanager
def open_table(
    path: Path, labels: Sequence[str], *, run: RunRecord | None = None, overwrite: bool = False, bom: bool = False
) -> Iterator[TableWriter]:
    """Write predictions row by row; the file gets its name when the `with` block ends without an error.

    run: what produces the predictions, written into the table or as JSON beside it. bom: begin CSV files with a byte order
    mark, for spreadsheets.
    Raises: UsageError for an unknown suffix, RefusedError if the file exists or a package is missing.
    """
    check_table_path(path, overwrite=overwrite)
    table_format = CSV_WITH_BOM if bom and path.suffix == ".csv" else TABLE_FORMATS[path.suffix]
    with writing_alone(path):
        refuse_existing(path, overwrite=overwrite)  # another run may have written it meanwhile
        with replacing(path) as temporary, table_format.open(temporary, labels, run.as_dict() if run else {}) as table:
            yield table
        if run is not None and not table_format.holds_settings:
            write_settings(path, run)


def check_table_path(path: Path, *, overwrite: bool) -> None:
    """Raise what `open_table` would raise, before any work is done."""
    if path.suffix not in TABLE_FORMATS:
        raise UsageError(f"unknown table format {path.suffix or 'without a suffix'}: {path}", fix=_known())
    refuse_existing(path, overwrite=overwrite)
    TABLE_FORMATS[path.suffix].check()


def _known() -> str:
    *most, last = TABLE_FORMATS
    return f"a file name that ends in {', '.join(most)} or {last}"
