"""Predictions as rows of CSV and Parquet and as JSON records, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from fercli.results import Box, Face, Landmarks, Prediction

ColumnType = Literal["text", "int", "float", "bool"]
CellValue = str | int | float | bool | None

BOX_COLUMNS = ("box_left", "box_top", "box_right", "box_bottom")
LANDMARK_COLUMNS = tuple(
    f"{name}_{axis}" for name in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for axis in ("x", "y")
)
# in the languages of spreadsheets
_TRUTH = {"TRUE": True, "WAHR": True, "VRAI": True, "FALSE": False, "FALSCH": False, "FAUX": False}
PROBABILITY_PREFIX = "p_"  # of columns, before the name of a class
_PLAIN_FIELDS = (
    "source",
    "status",
    "frame",
    "time_s",
    "face",
    "label",
    "detail",
    "track",
    "smoothing_s",
    "person",
    "baseline",
)


@dataclass(frozen=True)
class Column:
    """One column of a table of predictions; every cell may be empty."""

    name: str
    type: ColumnType


def columns(labels: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns of a table for a model with these classes."""
    return (
        Column("source", "text"),
        Column("frame", "int"),
        Column("time_s", "float"),
        Column("face", "int"),
        Column("track", "int"),
        Column("status", "text"),
        Column("label", "text"),
        Column("probability", "float"),
        *(Column(PROBABILITY_PREFIX + label, "float") for label in labels),
        *(Column(name, "float") for name in BOX_COLUMNS),
        Column("detection_score", "float"),
        *(Column(name, "float") for name in LANDMARK_COLUMNS),
        Column("detected", "bool"),
        Column("smoothing_s", "float"),
        Column("person", "text"),
        Column("baseline", "text"),
        Column("detail", "text"),
    )


def prediction_record(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction as plain values: what `--json` prints, one object per face, or per frame without a face."""
    return prediction.to_dict()


def prediction_row(prediction: Prediction, labels: Sequence[str]) -> list[CellValue]:
    """Return a prediction as the cells of `columns(labels)`; None where a column does not apply."""
    record = prediction_record(prediction)
    probabilities = record["probabilities"] or {}
    points = [value for point in record["landmarks"] or () for value in point]
    return [
        *(record[name] for name in ("source", "frame", "time_s", "face", "track", "status", "label", "probability")),
        *(probabilities.get(label) for label in labels),
        *(record["box_xyxy"] or [None] * len(BOX_COLUMNS)),
        record["detection_score"],
        *(points or [None] * len(LANDMARK_COLUMNS)),
        *(record[name] for name in ("detected", "smoothing_s", "person", "baseline", "detail")),
    ]


def prediction_from_row(row: Mapping[str, str], labels: Sequence[str]) -> Prediction:
    """Return the prediction of a row of a CSV file, column name -> text.

    Raises: KeyError, ValueError if a column is missing or a cell has another type.
    """
    return prediction_from_cells({column.name: row[column.name] for column in columns(labels)}, labels)


def prediction_from_cells(row: Mapping[str, CellValue], labels: Sequence[str]) -> Prediction:
    """Return the prediction of a row, column name -> text or value; columns of tables of earlier versions may be missing.

    Raises: ValueError if a cell has another type or the cells contradict each other.
    """
    cells = {column.name: _value(row.get(column.name), column.type) for column in columns(labels)}
    detection = None
    if cells["box_left"] is not None:
        points = [cells[name] for name in LANDMARK_COLUMNS]
        detection = Face(
            cast("Box", tuple(cells[name] for name in BOX_COLUMNS)),
            cast("float | None", cells["detection_score"]),
            None if points[0] is None else cast("Landmarks", tuple(zip(points[::2], points[1::2], strict=True))),
        )
    fields: dict[str, Any] = {name: cells[name] for name in _PLAIN_FIELDS}
    probabilities = None
    if cells["label"]:
        probabilities = {label: cast("float", cells[PROBABILITY_PREFIX + label]) for label in labels}
    detected = detection is None or cells["detected"] is not False
    return Prediction(**fields, detection=detection, probabilities=probabilities, detected=detected)


def prediction_from_record(record: Mapping[str, Any]) -> Prediction:
    """Return the prediction of a JSON record, as `prediction_record` writes it.

    Raises: KeyError, TypeError, ValueError if the record has another form.
    """
    detection = None
    if record["box_xyxy"] is not None:
        points = record.get("landmarks")
        detection = Face(
            cast("Box", tuple(float(value) for value in record["box_xyxy"])),
            record.get("detection_score"),
            None if points is None else cast("Landmarks", tuple((float(x), float(y)) for x, y in points)),
        )
    fields: dict[str, Any] = {name: record.get(name) for name in _PLAIN_FIELDS}
    detected = detection is None or record.get("detected") is not False
    return Prediction(**fields, detection=detection, probabilities=record["probabilities"], detected=detected)


def _value(cell: CellValue, type_: ColumnType) -> CellValue:
    """Return a cell as its type; also as pandas or a spreadsheet writes it again: 3.0 for 3, NaN for empty, 0,5 for 0.5."""
    if cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if not isinstance(cell, str):
        return int(cell) if type_ == "int" and isinstance(cell, float) and cell.is_integer() else cell
    if type_ == "text":
        return cell
    if type_ == "bool":
        return _truth(cell)
    number = float(cell.replace(",", "."))
    if type_ == "float":
        return number
    if not number.is_integer():
        raise ValueError(f"{cell!r} is not a whole number")
    return int(number)


def _truth(text: str) -> bool:
    if text.upper() not in _TRUTH:
        raise ValueError(f"{text!r} is neither TRUE nor FALSE")
    return _TRUTH[text.upper()]
