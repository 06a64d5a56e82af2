"""The folder of `fer eval --out`."""

from __future__ import annotations

import csv
import json

import pytest

from fercli.evaluate.evaluate import EvaluateOptions, evaluate


def test_evaluate__writes_tables_report_and_result(fast, use, folder, tmp_path, monkeypatch, fits_schema):
    use("fear", "anger")
    result = evaluate("toy", str(folder), EvaluateOptions(coverages=(0.25, 0.6)), out=tmp_path / "out")
    assert "60 % coverage" in (tmp_path / "out/report.html").read_text()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "classes.csv",
        "confusion.csv",
        "environment.json",
        "predictions.csv",
        "reliability.csv",
        "report.html",
        "result.json",
        "risk_coverage.csv",
    ]
    with (tmp_path / "out/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["source", "truth", "label", "probability", "p_fear", "p_anger"]
    assert rows[0] == {"source": "test/anger/e.png", "truth": "anger", "label": "fear"} | {
        "probability": "0.700000",
        "p_fear": "0.700000",
        "p_anger": "0.300000",
    }
    assert sum(row["truth"] == row["label"] for row in rows) == 4
    assert (tmp_path / "out/confusion.csv").read_text() == "truth,fear,anger\nfear,3,1\nanger,1,1\n"
    written = json.loads((tmp_path / "out/result.json").read_text())
    fits_schema(written)
    (score,) = written["scores"]
    assert score["accuracy"] == result.score.accuracy
    assert (score["split"], score["images"], score["class_images"]) == ("test", 6, {"fear": 4, "anger": 2})
    assert written["evaluation"]["coverage"] == pytest.approx({"0.25": 4 / 6, "0.6": 4 / 6})  # equal confidences
    assert (written["dataset"], written["predictions"]) == ("data", {"test": "predictions.csv"})
    assert {name: written["model"][name] for name in ("parameters", "macs", "sha256")} == {
        "parameters": 11,
        "macs": 12,
        "sha256": "hash",
    }
    assert (tmp_path / "out/classes.csv").read_text().startswith("class,images,accuracy,low,high\nfear,4,0.75,")
