"""Predictions as records and rows, and back."""

from __future__ import annotations

import os

import pytest

from fercli.results import Prediction, utf8_text
from fercli.rows.records import columns, prediction_from_row, prediction_record, prediction_row


def test_prediction_record__rounds_and_names_every_value(classified: Prediction):
    record = prediction_record(classified)
    assert (record["source"], record["frame"], record["time_s"], record["face"]) == ("a.mp4", 3, 0.1201, 0)
    assert (record["label"], record["probability"], record["detection_score"]) == ("happiness", 0.55, 0.9877)
    assert record["landmarks"][0] == [20, 25]


def test_prediction_row__has_a_cell_per_column(labels, without_face: Prediction):
    row = dict(zip([column.name for column in columns(labels)], prediction_row(without_face, labels), strict=True))
    assert {name: value for name, value in row.items() if value is not None} == {
        "source": "a.mp4",
        "frame": 4,
        "time_s": 0.16,
        "status": "no_face",
        "detected": False,
        "detail": "no face detected",
    }


def test_prediction_from_row__refuses_missing_columns_and_other_types(labels, classified: Prediction):
    cells = [column.name for column in columns(labels)]
    values = ["" if value is None else str(value) for value in prediction_row(classified, labels)]
    row = dict(zip(cells, values, strict=True))
    assert prediction_record(prediction_from_row(row, labels)) == prediction_record(classified)
    with pytest.raises(ValueError, match="three"):
        prediction_from_row({**row, "frame": "three"}, labels)
    with pytest.raises(KeyError, match="track"):
        prediction_from_row({name: value for name, value in row.items() if name != "track"}, labels)


def test_utf8_text__spells_out_other_bytes():
    assert utf8_text(os.fsdecode(b"caf\xe9.jpg")) == r"caf\xe9.jpg"
