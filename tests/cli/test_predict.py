"""fer predict from the command line: what goes to stdout, what to stderr, and how they end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fercli.cli.main import main
from fercli.core.card import WeightsCard
from fercli.labels import schema
from fercli.media.images import Rgb, write_image
from fercli.media.video_writer import VideoWriter
from fercli.presets import MODELS
from fercli.results import Face
from fercli.templates import template

NAMES = schema("rafdb").names
FACE = Face((10.0, 10.0, 50.0, 60.0), 0.9, ((20.0, 25.0), (40.0, 25.0), (30.0, 35.0), (22.0, 48.0), (38.0, 48.0)))


class OneFace:
    """Stands in for the detector: one face in every frame."""

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        return [[FACE] for _ in frames]


class Surprised:
    """Stands in for the model: surprise for every crop."""

    card = WeightsCard("fake", "1", NAMES, "rafdb", template("arcface"), MODELS["btn-tiny"])
    engine, device = "torch", "cpu"

    def classify(self, crops: np.ndarray) -> np.ndarray:
        return np.tile(np.array([0.4] + [0.1] * 6, np.float32), (len(crops), 1))


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.media.faces.FaceDetector", lambda *_, **__: OneFace())
    monkeypatch.setattr("fercli.store.inference.load_classifier", lambda *_: Surprised())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One picture, one clip of five frames, one text file that claims to be a picture."""
    folder = tmp_path / "in"
    write_image(folder / "a.png", np.full((80, 90, 3), 99, np.uint8))
    (folder / "b.jpg").write_text("hello")
    with VideoWriter(folder / "c.mp4") as writer:
        for number in range(5):
            writer.write(np.full((80, 90, 3), 99, np.uint8), number / 10)
    return folder


def test_predict__shows_pictures_and_sums_up_videos(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["predict", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert "a.png" in out
    assert "surprise" in out
    assert "5 frames" in out
    assert out.count("a.png") == 1
    assert "not a picture" in err
    assert "1 of 3 sources could not be read" in err
    assert "detect" in err


def test_predict__json_is_one_object_per_line_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["predict", str(folder), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in lines] == ["ok", "unreadable"] + ["ok"] * 5
    assert [line["frame"] for line in lines] == [None, None, 0, 1, 2, 3, 4]
    assert sum(lines[0]["probabilities"].values()) == pytest.approx(1)


def test_predict__strict_fails_if_one_file_could_not_be_read(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["predict", str(folder), "--strict"]) == 1
    assert "--strict" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nope.jpg", "in/b.jpg", "*.bmp", "empty"])
def test_predict__says_once_that_nothing_could_be_read(
    name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "empty").mkdir()
    assert main(["predict", str(tmp_path / name)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "fix"]
    assert Path(name).name in err


def test_predict__writes_copies_and_refuses_to_replace_them(folder: Path, tmp_path: Path):
    arguments = ["predict", str(folder), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == ["a.png", "c.mp4", "c.report.html", "predictions.csv", "report.html"]
    assert main(arguments) == 1
    assert main([*arguments, "--overwrite"]) == 0


def test_predict__makes_one_page_of_everything(folder: Path, tmp_path: Path):
    page = tmp_path / "page.html"
    assert main(["predict", str(folder), "--report", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    for words in ("a.png", "c.mp4", "b.jpg", "fake, version 1", "torch on cpu", "not a picture"):
        assert words in text
    assert main(["predict", str(folder), "--report", str(page)]) == 1
