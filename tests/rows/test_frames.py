"""Predictions as data frames."""

from __future__ import annotations

import sys

import pytest

from fercli.errors import RefusedError, UsageError
from fercli.results import Prediction
from fercli.rows.frames import to_frame
from fercli.rows.records import columns


def test_to_frame__of_pandas_has_the_columns_and_values_of_the_rows(
    labels, classified: Prediction, without_face: Prediction
):
    pytest.importorskip("pandas")
    frame = to_frame([classified, without_face], library="pandas")
    assert list(frame.columns) == [column.name for column in columns(labels)]
    assert list(frame["status"]) == [classified.status, "no_face"]
    assert frame["probability"][0] == 0.55
    assert frame["label"].isna().tolist() == [False, True]
    assert to_frame([classified]).equals(frame.iloc[:1].astype(to_frame([classified]).dtypes))


def test_to_frame__of_polars_has_the_same_columns(labels, classified: Prediction, without_face: Prediction):
    pytest.importorskip("polars")
    frame = to_frame([without_face, classified], library="polars")
    assert frame.columns == [column.name for column in columns(labels)]
    assert frame["label"].to_list() == [None, "happiness"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_to_frame__without_a_face_has_the_columns_of_the_classes(labels, library, without_face: Prediction):
    pytest.importorskip(library)
    expected = [column.name for column in columns(labels)]
    for rows in ([], [without_face]):
        frame = to_frame(rows, library=library, labels=labels)
        assert list(frame.columns) == expected
        assert len(frame) == len(rows)


def test_to_frame__says_what_to_install(monkeypatch: pytest.MonkeyPatch, classified: Prediction):
    for library in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(RefusedError, match="data frames need pandas or polars") as caught:
        to_frame([classified])
    assert caught.value.fix == "pip install pandas"
    with pytest.raises(UsageError, match="unknown data frame library 'dask'"):
        to_frame([classified], library="dask")
