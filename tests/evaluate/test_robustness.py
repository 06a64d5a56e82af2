"""Scores of degraded crops."""

from __future__ import annotations

import csv

import pytest

from fercli.errors import UsageError
from fercli.evaluate.evaluate import EvaluateOptions, evaluate


def test_evaluate__scores_degraded_crops_of_the_same_images(fast, use, folder, tmp_path, monkeypatch):
    # the fake reads the first pixel: dark turns class 1 (grey 40) into class 0 (grey 20 and less), fear stays fear
    use("fear", "anger")
    result = evaluate("toy", str(folder), EvaluateOptions(degrade=["dark"]), out=tmp_path / "out")
    (curve,) = result.curves
    assert (curve.kind, curve.clean.accuracy) == ("dark", pytest.approx(4 / 6))
    assert [point.severity for point in curve.points] == [0.5, 0.25, 0.12, 0.06, 0.03]
    assert [point.score.accuracy for point in curve.points] == pytest.approx([4 / 6] * 5)  # all six are called fear
    with (tmp_path / "out/degrade.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["severity"] for row in rows] == ["", "0.5", "0.25", "0.12", "0.06", "0.03"]
    assert [float(row["mean_accuracy"]) for row in rows] == pytest.approx([0.625, *[0.5] * 5])


def test_evaluate__degrades_the_requested_number_of_images(use, folder):
    fake = use("fear", "anger")
    result = evaluate("toy", str(folder), EvaluateOptions(degrade=["blur"], degrade_images=4))
    assert result.curves[0].clean.images == 4
    assert fake.batches == [6, 4, 4, 4, 4, 4]


def test_evaluate__refuses_an_unknown_degradation_before_it_works(use, folder):
    fake = use("fear", "anger")
    with pytest.raises(UsageError, match="fog"):
        evaluate("toy", str(folder), EvaluateOptions(degrade=["fog"]))
    assert fake.batches == []
