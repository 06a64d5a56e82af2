"""Published rows: headline figures, and that counts of images give the printed percentages."""

from __future__ import annotations

import pytest

from fercli.evaluate.published_scores import TABLES, published_rows


def test_published__states_the_papers_headlines():
    rows = {(row.table, row.method): row for table in TABLES for row in published_rows(table)}
    assert [rows[table, "BTN"].accuracy for table in ("table1", "table2", "table3")] == [92.54, 67.60, 64.29]
    assert [rows[table, "POSTER++"].accuracy for table in ("table1", "table2", "table3")] == [92.21, 67.49, 63.77]
    classes = {row.dataset: row for row in published_rows("table4") if row.method == "POSTER++"}
    assert classes["affectnet8"].per_class["contempt"] == 59.52
    assert classes["affectnet8"].per_class["neutral"] is None


def test_published__counts_of_images_give_the_printed_percentages():
    for row in published_rows("table1"):
        if "images" in row.note:
            right, _, total, *_ = row.note.split()
            assert round(100 * int(right) / int(total), 2) == row.accuracy, row.method


def test_published__classes_of_rafdb_add_up_to_its_overall_accuracy():
    # POSTER_V2's confusion matrix: the diagonal, of RAF-DB's test images of each class (Li et al. 2017)
    right = {"surprise": 299, "fear": 51, "disgust": 120, "happiness": 1148, "sadness": 442, "anger": 145}
    images = {"surprise": 329, "fear": 74, "disgust": 160, "happiness": 1185, "sadness": 478, "anger": 162}
    right["neutral"], images["neutral"] = 624, 680
    (row,) = (row for row in published_rows("table4") if (row.dataset, row.method) == ("rafdb", "POSTER++"))
    shares = {label: 100 * right[label] / count for label, count in images.items()}
    assert {label: row.per_class[label] for label in images} == pytest.approx(shares, abs=0.005)
    assert row.per_class["contempt"] is None
    assert row.mean == pytest.approx(sum(shares.values()) / 7, abs=0.005)
    assert row.accuracy == pytest.approx(100 * sum(right.values()) / 3068, abs=0.005)


def test_published__every_row_has_a_source_and_a_figure():
    for table in TABLES:
        rows = published_rows(table)
        assert rows
        for row in rows:
            figures = [row.accuracy, row.mean, *row.per_class.values()]
            assert row.source
            assert any(value is not None and 0 < value < 100 for value in figures)
