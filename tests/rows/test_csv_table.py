"""Tables as CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fercli.rows import csv_table
from fercli.rows.records import columns, prediction_from_row, prediction_record


def test_csv__has_a_column_per_class_and_reads_back(labels, classified, without_face, write, tmp_path: Path):
    with write(tmp_path / "a.csv", classified, without_face).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [column.name for column in columns(labels)]
    assert len(set(rows[0])) == len(columns(labels))
    assert (rows[0]["p_happiness"], rows[0]["nose_x"], rows[0]["track"]) == ("0.55", "30", "7")
    assert (rows[1]["status"], rows[1]["p_neutral"], rows[1]["box_left"]) == ("no_face", "", "")
    assert [prediction_record(prediction_from_row(row, labels)) for row in rows] == [
        prediction_record(classified),
        prediction_record(without_face),
    ]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_spreadsheet_cell__starts_with_an_apostrophe_if_it_could_be_a_formula(sign: str):
    assert csv_table._spreadsheet_cell(f"{sign}1+1") == f"'{sign}1+1"
