"""Predictions as a data frame of pandas or polars, with the columns of predictions.csv."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, Literal

from fercli.errors import RefusedError, UsageError
from fercli.results import Prediction
from fercli.rows.records import columns, prediction_row

Library = Literal["auto", "pandas", "polars"]
_LIBRARIES = ("pandas", "polars")


def to_frame(
    predictions: Iterable[Prediction], *, library: Library = "auto", labels: Sequence[str] | None = None
) -> Any:
    """Return predictions as a DataFrame, one row each, with the columns of predictions.csv.

    library: auto is pandas if it is installed, else polars. labels: names of the classes (default: those of the first
    prediction with a face; without one, there are no columns of probabilities).
    Raises: RefusedError if the library is not installed.
    """
    rows = list(predictions)
    if labels is None:
        labels = next((tuple(row.probabilities) for row in rows if row.probabilities), ())
    names = [column.name for column in columns(labels)]
    cells = [prediction_row(row, labels) for row in rows]
    chosen = _library(library)
    if chosen.__name__ == "pandas":
        return chosen.DataFrame(cells, columns=names)
    return chosen.DataFrame(cells, schema=names, orient="row", infer_schema_length=None)


def _library(name: str) -> Any:
    if name not in ("auto", *_LIBRARIES):
        raise UsageError(f"unknown data frame library {name!r}", fix="library: auto, pandas or polars")
    for candidate in _LIBRARIES if name == "auto" else (name,):
        try:
            return import_module(candidate)
        except ModuleNotFoundError:
            continue
    wanted = "pandas or polars" if name == "auto" else name
    raise RefusedError(f"data frames need {wanted}, not installed", fix=f"pip install {wanted.split()[0]}")
