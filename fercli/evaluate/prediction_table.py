"""predictions.csv: the prediction for every scored image, written by `fer train` and `fer eval`, read by `fer compare`.

Columns: source (path relative to the data set's root), truth, label (the predicted class), probability (of the label), and
p_CLASS for every class. They have the names of the columns of `fer predict`. Letters: B images, N classes.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.errors import DataError
from fercli.system.csv_file import write_rows

PREDICTIONS_NAME = "predictions.csv"
_COLUMNS = ("source", "truth", "label", "probability")
_CLASS = "p_"  # before the name of a class
_FIX = "a table that fer train or fer eval --out wrote; those of earlier versions have to be written again"


@dataclass(frozen=True)
class PredictionTable:
    """The prediction for every image of a split. labels: columns of probabilities.

    sources: paths relative to the data set's root. truth, predicted: class names. probabilities: float64 [B, N].
    """

    sources: tuple[str, ...]
    labels: tuple[str, ...]
    truth: tuple[str, ...]
    predicted: tuple[str, ...]
    probabilities: NDArray[np.float64]

    def __post_init__(self) -> None:
        if len(set(self.sources)) != len(self.sources):
            raise ValueError("an image was scored twice")
        if self.probabilities.shape != (len(self.sources), len(self.labels)):
            raise ValueError(f"{self.probabilities.shape} probabilities of {len(self.sources)} images")


def write_predictions(path: Path, table: PredictionTable) -> None:
    """Write one row per image."""
    head = [*_COLUMNS, *(_CLASS + label for label in table.labels)]
    columns = {label: index for index, label in enumerate(table.labels)}
    rows = [
        [source, truth, label, f"{values[columns[label]]:.6f}", *(f"{value:.6f}" for value in values)]
        for source, truth, label, values in zip(
            table.sources, table.truth, table.predicted, table.probabilities, strict=True
        )
    ]
    write_rows(path, head, rows)


def read_predictions(path: Path) -> PredictionTable:
    """Read a table; DataError names the line that cannot be read."""
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or ()
            labels = tuple(name.removeprefix(_CLASS) for name in columns if name.startswith(_CLASS))
            if not set(_COLUMNS) <= set(columns) or not labels:
                raise DataError(f"{path} lacks some of the columns {', '.join(_COLUMNS)} and p_CLASS", fix=_FIX)
            rows = [_row(row, labels, where=f"{path}, line {reader.line_num}") for row in reader]
    except (OSError, csv.Error) as error:
        raise DataError(f"could not read {path} ({error})", fix=_FIX) from error
    if not rows:
        raise DataError(f"{path} has no predictions", fix=_FIX)
    sources, truth, predicted, values = zip(*rows, strict=True)
    if len(set(sources)) != len(sources):
        raise DataError(f"{path} has images more than once", fix=_FIX)
    return PredictionTable(sources, labels, truth, predicted, np.array(values, np.float64))


def _row(row: Mapping[str, str], labels: Sequence[str], *, where: str) -> tuple[str, str, str, tuple[float, ...]]:
    try:
        values = tuple(float(row[_CLASS + label]) for label in labels)
    except (TypeError, ValueError):
        raise DataError(f"{where}: the probabilities are not numbers", fix=_FIX) from None
    if row["truth"] not in labels or row["label"] not in labels:
        raise DataError(f"{where}: {row['truth']!r} or {row['label']!r} is none of {', '.join(labels)}", fix=_FIX)
    return row["source"], row["truth"], row["label"], values
