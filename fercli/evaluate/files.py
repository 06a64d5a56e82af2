"""What an evaluation leaves for comparisons and tables: predictions.csv and result.json, written here and read back.

Letters: B images, N classes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.errors import DataError

PREDICTIONS_NAME, RESULT_NAME = "predictions.csv", "result.json"
_COLUMN = "p_"
_AGAIN = "a folder that fer eval --out wrote"


@dataclass(frozen=True)
class Predictions:
    """Every scored image of an evaluation. paths: relative to the data set's root. labels: columns of probabilities.

    truth, guess: class names. probabilities: float64 [B, N].
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    truth: tuple[str, ...]
    guess: tuple[str, ...]
    probabilities: NDArray[np.float64]

    def __post_init__(self) -> None:
        if len(set(self.paths)) != len(self.paths):
            raise ValueError("an image was scored twice")
        if self.probabilities.shape != (len(self.paths), len(self.labels)):
            raise ValueError(f"{self.probabilities.shape} probabilities of {len(self.paths)} images")


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write one row per image: path, label, pred, and one column p_NAME per class."""
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "label", "pred", *(_COLUMN + label for label in predictions.labels)])
        rows = (predictions.paths, predictions.truth, predictions.guess, predictions.probabilities)
        for name, truth, guess, values in zip(*rows, strict=True):
            writer.writerow([name, truth, guess, *(f"{value:.6f}" for value in values)])


def read_predictions(place: Path) -> Predictions:
    """Read the table of an evaluation's folder, or a table; DataError names the line that cannot be read."""
    path = place / PREDICTIONS_NAME if place.is_dir() else place
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or ()
            labels = tuple(name.removeprefix(_COLUMN) for name in columns if name.startswith(_COLUMN))
            if not {"path", "label", "pred"} <= set(columns) or not labels:
                raise DataError(f"{path} has not the columns path, label, pred and p_CLASS", fix=_AGAIN)
            rows = [_row(row, labels, where=f"{path}, line {reader.line_num}") for row in reader]
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error})", fix=_AGAIN) from error
    if not rows:
        raise DataError(f"{path} has no predictions", fix=_AGAIN)
    paths, truth, guess, values = zip(*rows, strict=True)
    if len(set(paths)) != len(paths):
        raise DataError(f"{path} has images more than once", fix=_AGAIN)
    return Predictions(paths, labels, truth, guess, np.array(values, np.float64))


def read_result(place: Path) -> dict[str, Any]:
    """Read result.json of an evaluation's folder, or the file itself; DataError if it is none."""
    path = place / RESULT_NAME if place.is_dir() else place
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error})", fix=_AGAIN) from error
    missing = {"dataset", "n", "overall_acc", "mean_acc", "per_class_acc"} - set(
        record if isinstance(record, dict) else ()
    )
    if missing:
        raise DataError(f"{path} lacks {', '.join(sorted(missing))}: no result of an evaluation", fix=_AGAIN)
    return dict(record)


def write_rows(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table as csv; what is None is an empty cell."""
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def _row(row: Mapping[str, str], labels: Sequence[str], *, where: str) -> tuple[str, str, str, tuple[float, ...]]:
    try:
        values = tuple(float(row[_COLUMN + label]) for label in labels)
    except (TypeError, ValueError):
        raise DataError(f"{where}: the probabilities are not numbers", fix=_AGAIN) from None
    if row["label"] not in labels or row["pred"] not in labels:
        raise DataError(f"{where}: {row['label']!r} or {row['pred']!r} is none of {', '.join(labels)}", fix=_AGAIN)
    return row["path"], row["label"], row["pred"], values
