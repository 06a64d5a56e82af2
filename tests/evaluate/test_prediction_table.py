"""Tables of predictions: what is written is read again, and what is not a table is refused."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.errors import DataError
from fercli.evaluate.prediction_table import PredictionTable, read_predictions, write_predictions


def test_write_predictions__has_the_columns_of_fer_predict_and_the_truth(tmp_path):
    table = PredictionTable(("a/b.png",), ("fear", "anger"), ("anger",), ("fear",), np.array([[0.75, 0.25]]))
    write_predictions(tmp_path / "table.csv", table)
    text = (tmp_path / "table.csv").read_text()
    assert text == "source,truth,label,probability,p_fear,p_anger\na/b.png,anger,fear,0.750000,0.750000,0.250000\n"
    again = read_predictions(tmp_path / "table.csv")
    assert (again.sources, again.labels, again.truth, again.predicted) == (
        ("a/b.png",),
        ("fear", "anger"),
        ("anger",),
        ("fear",),
    )
    assert again.probabilities.tolist() == [[0.75, 0.25]]


HEAD = "source,truth,label,probability,p_fear\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,truth\n", "lacks some of the columns"),
        ("path,label,pred,p_fear\na,fear,fear,1\n", "lacks some of the columns"),  # of an earlier version
        (HEAD, "no predictions"),
        (HEAD + "a,fear,fear,1,x\n", "line 2: the probabilities"),
        (HEAD + "a,fear,joy,1,1\n", "none of fear"),
        (HEAD + "a,fear,fear,1,1\na,fear,fear,1,1\n", "more than once"),
    ],
)
def test_read_predictions__reports_what_is_wrong(text, message, tmp_path):
    (tmp_path / "predictions.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_predictions(tmp_path / "predictions.csv")
