"""fer align from the command line: counts to stdout, unreadable files to stderr, exit codes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fercli.cli.main import main
from fercli.config.detect import DetectConfig
from fercli.data.align_files import read_alignment
from fercli.media.images import Rgb, write_image
from fercli.results import Face

POINTS = ((20.0, 25.0), (40.0, 25.0), (30.0, 35.0), (22.0, 48.0), (38.0, 48.0))
FACE = Face((10.0, 10.0, 50.0, 60.0), 0.95, POINTS)
SMALL = Face((40.0, 30.0, 60.0, 50.0), 0.95, POINTS)


class TwoFaces:
    """Stands in for the detector: a large face at the left and a small one in the middle of every picture."""

    config: DetectConfig

    def __init__(self, config: DetectConfig, _device: str) -> None:
        TwoFaces.config = config

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        return [[FACE, SMALL] for _ in frames]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("fercli.align.align.open_detector", TwoFaces)
    write_image(tmp_path / "in" / "a.png", np.full((80, 100, 3), 99, np.uint8))
    (tmp_path / "in" / "b.jpg").write_text("hello")
    return tmp_path / "in"


def test_align__shows_counts_and_names_what_it_could_not_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ["align", str(folder), str(tmp_path / "out"), "--size", "64"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert "1 crop in" in out
    assert "of these, with several faces" in out
    assert "warning: b.jpg: not a picture" in err
    assert "warning: 1 of 2 pictures could not be read" in err
    assert str(tmp_path / "out" / "contact-sheet.html") in err
    assert main([*arguments, "--margin", "0.1"]) == 1
    assert main(["align", str(tmp_path / "nope"), str(tmp_path / "out2")]) == 3
    assert main([*arguments, "--template", "nope"]) == 2


def test_align__under_strict_fails_for_what_could_not_be_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ["align", str(folder), str(tmp_path / "out"), "--strict", "--json"]
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["crops"] == 1
    assert "error: 1 of 2 pictures could not be read and --strict was given" in err
    (folder / "b.jpg").unlink()
    assert main(arguments) == 0


@pytest.mark.parametrize(("option", "faces"), [("--largest", [0]), ("--center", [1]), ("--all", [0, 1])])
def test_align__writes_the_chosen_faces(option: str, faces: list[int], folder: Path, tmp_path: Path):
    assert main(["align", str(folder), str(tmp_path / "out"), option]) == 0
    alignment = read_alignment(tmp_path / "out")
    assert alignment is not None
    assert [row.face for row in alignment.rows if row.detection] == faces


def test_align__passes_its_settings_to_the_detector(folder: Path, tmp_path: Path):
    options = ["--thresholds", "0.5,0.6,0.9", "--max-side", "800", "--min-face", "30", "--detector", "mtcnn"]
    assert main(["align", str(folder), str(tmp_path / "out"), *options]) == 0
    assert TwoFaces.config == DetectConfig("mtcnn", thresholds=(0.5, 0.6, 0.9), max_side=800, min_face_px=30)
    alignment = read_alignment(tmp_path / "out")
    assert alignment is not None
    settings = alignment.settings
    assert (settings.thresholds, settings.max_side, settings.min_face_px) == ((0.5, 0.6, 0.9), 800, 30)
    assert settings.detector == "mtcnn facenet-pytorch 2.5.3"


def test_align__a_folder_of_another_detector_is_not_continued(folder: Path, tmp_path: Path):
    out = str(tmp_path / "out")
    assert main(["align", str(folder), out]) == 0
    assert main(["align", str(folder), out, "--detector", "mtcnn"]) == 1
    assert main(["align", str(folder), out, "--detector", "mtcnn", "--overwrite"]) == 0
    assert main(["align", str(folder), out, "--detector", "retina"]) == 2


def test_align__refuses_contradicting_options(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = str(tmp_path / "out")
    assert main(["align", str(folder), out, "--all", "--center"]) == 2
    assert main(["align", str(folder), out, "--data", str(folder)]) == 2
    assert main(["align", str(folder), out, "--thresholds", "1,2"]) == 2
    assert main(["align", str(folder)]) == 2
    assert "fix: fer align" in capsys.readouterr().err


def test_align__finds_rafdb_by_its_name(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    basic = tmp_path / "data" / "rafdb" / "basic"
    write_image(basic / "Image" / "original" / "train_00001.jpg", np.full((80, 100, 3), 99, np.uint8))
    (basic / "EmoLabel").mkdir()
    (basic / "EmoLabel" / "list_patition_label.txt").write_text("train_00001.jpg 5\n")
    monkeypatch.chdir(tmp_path)
    assert main(["align", "rafdb"]) == 0
    assert (basic / "Image" / "aligned-by-fer" / "train_00001_aligned.jpg").is_file()
    assert main(["align", "rafdb", "--data", str(tmp_path / "data" / "rafdb")]) == 0
