"""What fer predict says about its networks: devices, label conventions, class shares, mirror images."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from fercli.cli.main import main
from fercli.faces.detector import detector_version

pytestmark = pytest.mark.usefixtures("fakes")


def test_predict__reports_the_device_of_the_detector_if_it_differs(
    fakes: Any, folder: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fakes.OneFace, "device", "cuda:0")
    assert main(["predict", str(folder)]) == 0
    assert "torch on cpu, detector on cuda:0" in capsys.readouterr().err


def test_predict__warns_of_weights_trained_with_another_detector(
    fakes: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    card = replace(fakes.Surprised.card, data={"alignment": {"detector": "other 1", "size": 112}})
    monkeypatch.setattr(fakes.Surprised, "card", card)
    assert main(["predict", str(folder / "a.png")]) == 0
    assert "aligned differently from the training data of fake: detector yunet" in capsys.readouterr().err
    monkeypatch.setattr(fakes.Surprised, "card", replace(card, data={"alignment": {"detector": detector_version()}}))
    assert main(["predict", str(folder / "a.png")]) == 0
    assert "aligned" not in capsys.readouterr().err


def test_predict__states_the_label_convention_in_its_outputs(
    fakes: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = []
    posed = fakes.Surprised()
    posed.card = replace(fakes.Surprised.card, convention="posed")

    def load(*_: object, convention: str | None = None, **__: object) -> Any:
        asked.append(convention)
        return posed

    monkeypatch.setattr("fercli.weights.classifier.load_classifier", load)
    monkeypatch.setattr("fercli.cli.predict.weights_settings", lambda *_: {})
    table, report = tmp_path / "t.parquet", tmp_path / "r.html"
    picture = str(folder / "a.png")
    assert main(["predict", picture, "--convention", "posed", "--save", str(table), "--report", str(report)]) == 0
    assert asked == ["posed"]
    settings = json.loads(pyarrow.parquet.read_metadata(table).metadata[b"fer"])["settings"]
    meaning = "posed: the expression that the person was asked to show or meant to show"
    assert settings["label convention"] == meaning
    assert meaning in report.read_text(encoding="utf-8")


def test_predict__states_the_class_shares_of_prior(
    fakes: Any, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    picture, table = str(folder / "a.png"), tmp_path / "t.parquet"
    assert main(["predict", picture, "--prior", "uniform"]) == 2
    assert "does not state the class shares that its probabilities assume" in capsys.readouterr().err
    monkeypatch.setattr(fakes.Surprised, "card", replace(fakes.Surprised.card, prior=dict.fromkeys(fakes.NAMES, 1 / 7)))
    monkeypatch.setattr("fercli.cli.predict.weights_settings", lambda *_: {})
    monkeypatch.setattr(
        fakes.Surprised, "logits", lambda self, crops: np.zeros((len(crops), 7), np.float32), raising=False
    )
    shares = tmp_path / "mine.csv"
    rows = [f"{name},{2 if name == 'fear' else 1}" for name in fakes.NAMES]
    shares.write_text("class,share\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert main(["predict", picture, "--prior", str(shares), "--save", str(table), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["label"], record["probability"]) == ("fear", 0.25)  # 2 of 8
    settings = json.loads(pyarrow.parquet.read_metadata(table).metadata[b"fer"])["settings"]
    assert settings["class shares"].startswith(f"{shares}: ")
    assert "fear 25.0 %" in settings["class shares"]


def test_predict__flip_averages_a_face_and_its_mirror_image_and_says_so(
    fakes: Any, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    sides = iter([0.9, 0.5])  # of surprise in the face and in its mirror image

    def logits(self: Any, crops: np.ndarray) -> np.ndarray:
        surprise = next(sides)
        return np.tile(np.log(np.float32([surprise] + [(1 - surprise) / 6] * 6)), (len(crops), 1))

    monkeypatch.setattr(fakes.Surprised, "logits", logits, raising=False)
    monkeypatch.setattr("fercli.cli.predict.weights_settings", lambda *_: {})
    table = tmp_path / "t.parquet"
    assert main(["predict", str(folder / "a.png"), "--flip", "--save", str(table), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["probability"] == 0.7
    settings = json.loads(pyarrow.parquet.read_metadata(table).metadata[b"fer"])["settings"]
    assert settings["test-time augmentation"] == "mean of the probabilities of a face and its mirror image"
