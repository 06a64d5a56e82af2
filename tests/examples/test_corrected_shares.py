"""The measurement of corrected shares runs on folders of fer eval."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from fercli.evaluate.prediction_table import PREDICTIONS_NAME, PredictionTable, write_predictions
from fercli.evaluate.result_file import ModelFacts, ResultFile, write_result
from fercli.evaluate.scores import score_matrix

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "corrected_shares.py"
LABELS = ("neutral", "happiness")


def test_corrected_shares__undoes_the_errors_of_the_same_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    # half of the happy faces are called neutral, so 15 of 100 faces are predicted wrong where 30 % are happy
    truth = ["neutral"] * 40 + ["happiness"] * 40
    predicted = ["neutral"] * 60 + ["happiness"] * 20
    score = score_matrix(np.array([[40, 0], [20, 20]]), split="test", labels=LABELS)
    model = ModelFacts("toy", "1", "btn-tiny", "onnx", "cpu")
    files = {"test": PREDICTIONS_NAME}
    write_result(
        tmp_path / "result.json",
        ResultFile("fer eval 1", "toys", None, LABELS, model, None, None, None, None, None, (score,), files),
    )
    sources = tuple(f"{number}.png" for number in range(80))
    values = np.array([[name == label for label in LABELS] for name in predicted], float)
    write_predictions(
        tmp_path / PREDICTIONS_NAME, PredictionTable(sources, LABELS, tuple(truth), tuple(predicted), values)
    )
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path), str(tmp_path)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    rows = {line.split(" | ")[1]: line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[3:]}
    before, after = map(float, rows["70 % neutral"][2:])
    assert before == pytest.approx(15, abs=0.5)
    assert after < 4
