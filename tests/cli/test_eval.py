"""`fer eval` as it is typed, over a faked classifier."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.cli.main import main
from fercli.config.model import BtnConfig, InputConfig
from fercli.config.templates import template
from fercli.errors import ExitCode
from fercli.evaluate import evaluate as step
from fercli.evaluate.results import BatchCheck, Composition, EngineCheck
from fercli.weights.card import WeightsCard


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
    monkeypatch.setattr(step, "load_classifier", lambda *_, **__: Fake())
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
    assert output.err.splitlines() == [
        "warning: toy does not know the classes happiness (1): these images are in no score",
        "warning: all predictions of 3 images are one class, fear: the network distinguishes no classes",
    ]


def test_eval__flip_is_stated(folder, capsys):
    assert main(["eval", "toy", str(folder), "--quiet"]) == ExitCode.DONE
    assert "augmentation" not in capsys.readouterr().out
    assert main(["eval", "toy", str(folder), "--flip", "--quiet"]) == ExitCode.DONE
    assert "Test-time augmentation: mean of the probabilities" in capsys.readouterr().out


def test_eval__json_is_one_object(folder, capsys):
    assert main(["eval", "toy", str(folder), "--json", "--quiet"]) == ExitCode.DONE
    output = capsys.readouterr()
    result = json.loads(output.out)
    assert result["scores"][0]["confusion"] == [[2, 0], [1, 0]]
    assert result["evaluation"]["left_out"] == {"happiness": 1}
    assert all(line.startswith("warning: ") for line in output.err.splitlines())


def test_eval__shows_accuracy_at_the_requested_coverages(folder, capsys):
    assert main(["eval", "toy", str(folder), "--quiet", "--coverage", "0.3,0.6"]) == ExitCode.DONE
    output = capsys.readouterr().out
    assert "30 %" in output
    assert "60 %" in output
    assert "95 %  " not in output.partition("coverage")[2]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere"], ExitCode.DATA),
        (["DATA", "--split", "val"], ExitCode.DATA),
        (["DATA", "--split", "exam"], ExitCode.USAGE),
        (["DATA", "--data", "x"], ExitCode.USAGE),
        (["DATA", "--coverage", "80"], ExitCode.USAGE),
        (["DATA", "--out", "DATA"], ExitCode.REFUSED),
    ],
)
def test_eval__mistakes_have_their_codes(arguments, code, folder, capsys):
    words = [str(folder) if word == "DATA" else word for word in arguments]
    assert main(["eval", "toy", *words]) == code
    assert "fix:" in capsys.readouterr().err


class Blind:
    """Finds no face."""

    def detect(self, frames, *, min_face_px=None):
        return [[] for _ in frames]


def certificate(largest: float, changed: int) -> BatchCheck:
    alone = Composition("one by one", 1, 0.5, 0.0, 0)
    engine = EngineCheck("onnx", "P_VIT", (alone, Composition("sorted by class", 2, 0.5, largest, changed)))
    contrast = EngineCheck("torch", "P_CBA", (alone, Composition("sorted by class", 2, 1.0, 0.25, 1)))
    return BatchCheck(3, 1e-3, (engine,), contrast, "untrained", None)


def test_eval__shows_everything_that_was_requested(folder, monkeypatch, tmp_path, capsys, fits_schema):
    monkeypatch.setattr(step, "batch_check", lambda *_, **__: certificate(2e-6, 0))
    monkeypatch.setattr(step, "open_detector", lambda config, device: Blind())
    (tmp_path / "hard.txt").write_text("c.png\n")
    options = ["--subset", str(tmp_path / "hard.txt"), "--degrade", "jpeg", "--degrade", "dark"]
    options += ["--end-to-end", str(folder), "--batch-check", "--quiet"]
    assert main(["eval", "toy", str(folder), *options]) == ExitCode.DONE
    output = capsys.readouterr().out
    for message in (
        "hard", "dark: 3 images", "0.03 of the light", "jpeg: 3 images", "4 JPEG quality", "no face in 3, 0 unreadable",
        "raw pictures, a missed face is an error", "the largest difference of a logit is 2.0e-06", "P_CBA, torch",
    ):  # fmt: skip
        assert message in output, message
    assert main(["eval", "toy", str(folder), *options, "--json"]) == ExitCode.DONE
    record = json.loads(capsys.readouterr().out)
    fits_schema(record)
    assert record["evaluation"]["batch_check"]["passed"] is True
    assert record["evaluation"]["batch_check"]["max_difference"] == {"onnx P_VIT": 2e-6, "torch P_CBA": 0.25}
    assert record["evaluation"]["end_to_end"]["accuracy"] == 0.0
    assert record["evaluation"]["subsets"][0]["score"]["accuracy"] == 0.0
    assert [curve["kind"] for curve in record["evaluation"]["degradations"]] == ["dark", "jpeg"]


@pytest.mark.parametrize(("largest", "changed"), [(0.2, 0), (1e-6, 1), (float("nan"), 0)])
def test_eval__publishes_nothing_that_depends_on_the_batch(largest, changed, folder, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(step, "batch_check", lambda *_, **__: certificate(largest, changed))
    out = tmp_path / "out"
    assert main(["eval", "toy", str(folder), "--batch-check", "--out", str(out)]) == ExitCode.REFUSED
    output = capsys.readouterr()
    assert output.out == ""
    assert "depend on the batch" in output.err
    assert not out.exists()
