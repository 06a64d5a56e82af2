"""`fer eval` as it is typed, over a faked classifier."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.cli.main import main
from fercli.core.card import WeightsCard
from fercli.errors import ExitCode
from fercli.presets import BtnConfig, InputConfig
from fercli.steps import evaluate as step
from fercli.templates import template


class Fake:
    """Sees fear in everything."""

    engine, device = "onnx", "cpu"
    card = WeightsCard("toy", "1", ("fear", "anger"), "toy", template("arcface"), BtnConfig(input=InputConfig(size=4)))

    def classify(self, crops: np.ndarray) -> np.ndarray:
        return np.tile(np.array([0.9, 0.1], np.float32), (len(crops), 1))

    def logits(self, crops: np.ndarray) -> np.ndarray:
        return np.log(self.classify(crops))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three test images: fear, fear, anger; and one of joy, which the fake does not know."""
    monkeypatch.setattr(step, "load_classifier", lambda weights, engine, device: Fake())
    for name in ("fear/a", "fear/b", "anger/c", "joy/d"):
        path = tmp_path / f"data/test/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(path)
    return tmp_path / "data"


def test_eval__shows_scores_on_stdout_and_warnings_on_stderr(folder, capsys):
    assert main(["eval", "toy", str(folder)]) == ExitCode.DONE
    output = capsys.readouterr()
    assert "66.67" in output.out
    assert "mean class %" in output.out
    assert "50.00" in output.out
    assert output.err == "warning: toy does not know happiness (1): these images are in no score\n"


def test_eval__json_is_one_object(folder, capsys):
    assert main(["eval", "toy", str(folder), "--json", "--quiet"]) == ExitCode.DONE
    output = capsys.readouterr()
    result = json.loads(output.out)
    assert result["confusion"] == [[2, 0], [1, 0]]
    assert result["left_out"] == {"happiness": 1}
    assert output.err == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere"], ExitCode.DATA),
        (["DATA", "--split", "val"], ExitCode.DATA),
        (["DATA", "--split", "exam"], ExitCode.USAGE),
        (["DATA", "--data", "x"], ExitCode.USAGE),
        (["DATA", "--out", "DATA"], ExitCode.REFUSED),
    ],
)
def test_eval__mistakes_have_their_codes(arguments, code, folder, capsys):
    words = [str(folder) if word == "DATA" else word for word in arguments]
    assert main(["eval", "toy", *words]) == code
    assert "fix:" in capsys.readouterr().err
