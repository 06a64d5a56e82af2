"""Predictions as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from fercli.results import Prediction
from fercli.rows.records import CellValue, columns, prediction_row
from fercli.rows.table import TableFormat, open_text
from fercli.system.csv_file import BOM, csv_writer, spreadsheet_text


class CsvTable:
    """Writes a header, then a row per prediction; values that do not apply are empty cells, booleans TRUE and FALSE."""

    def __init__(
        self, file: TextIO, labels: Sequence[str], *, header: bool = True, for_spreadsheets: bool = False
    ) -> None:
        self._cell = _spreadsheet_cell if for_spreadsheets else _cell
        self._writer = csv_writer(file)
        self._labels = tuple(labels)
        if header:
            self._writer.writerow([column.name for column in columns(labels)])

    def add(self, predictions: Sequence[Prediction]) -> None:
        self._writer.writerows(
            [self._cell(value) for value in prediction_row(prediction, self._labels)] for prediction in predictions
        )


def _cell(value: CellValue) -> CellValue:
    """Return a boolean as R, pandas and spreadsheets read it."""
    return str(value).upper() if isinstance(value, bool) else value


def _spreadsheet_cell(value: CellValue) -> CellValue:
    return spreadsheet_text(_cell(value))


@contextmanager
def _open(path: Path, labels: Sequence[str], settings: Mapping[str, object]) -> Iterator[CsvTable]:  # noqa: ARG001
    with open_text(path, "w") as file:
        yield CsvTable(file, labels)


@contextmanager
def _open_with_bom(path: Path, labels: Sequence[str], settings: Mapping[str, object]) -> Iterator[CsvTable]:  # noqa: ARG001
    with open_text(path, "w") as file:
        file.write(BOM)
        yield CsvTable(file, labels, for_spreadsheets=True)


CSV = TableFormat(_open)
CSV_WITH_BOM = TableFormat(_open_with_bom)
