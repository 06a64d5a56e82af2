"""fer predict from the command line: stdout, stderr and exit codes."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from fercli.cli.main import main
from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.faces.detector import detector_version
from fercli.media.camera import CameraReader
from fercli.media.images import Rgb, write_image
from fercli.media.video import VideoReader
from fercli.media.video_writer import VideoWriter
from fercli.results import Face
from fercli.weights.card import WeightsCard

NAMES = schema("rafdb").names
FACE = Face((10.0, 10.0, 50.0, 60.0), 0.9, ((20.0, 25.0), (40.0, 25.0), (30.0, 35.0), (22.0, 48.0), (38.0, 48.0)))

TABLES = [f"{name}.csv{end}" for name in ("events", "predictions", "summary") for end in ("", ".settings.json")]


class OneFace:
    """A fake detector: one face in every frame."""

    device = "cpu"

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        return [[FACE] for _ in frames]


class Surprised:
    """A fake classifier: surprise for every crop."""

    card = WeightsCard("fake", "1", NAMES, "rafdb", template("arcface"), MODELS["btn-tiny"])
    engine, device = "torch", "cpu"

    def classify(self, crops: np.ndarray) -> np.ndarray:
        return np.tile(np.array([0.4] + [0.1] * 6, np.float32), (len(crops), 1))


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.faces.detector.open_detector", lambda *_, **__: OneFace())
    monkeypatch.setattr("fercli.weights.classifier.load_classifier", lambda *_, **__: Surprised())


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
    assert "warning: 1 of 3 sources could not be read completely:\n" in err
    assert err.rstrip().endswith("b.jpg: not a picture, despite its suffix .jpg")
    for stage in ("decode", "detect", "align", "classify", "track", "write"):
        assert f" {stage} 0." in err


def test_predict__reports_skipped_files(folder: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("notes.txt", "noext", ".hidden"):
        (folder / name).touch()
    out = folder / "out"
    for again in ([], ["--resume"]):  # what the first run writes is no stranger to the second
        assert main(["predict", str(folder), "--out", str(out), *again]) == 0
        err = capsys.readouterr().err
        assert f"skipped 2 files whose names are not those of pictures or videos, e.g. {folder / 'noext'}\n" in err
    assert main(["predict", str(folder), "--quiet"]) == 0
    assert "skipped 2 files" not in capsys.readouterr().err


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
def test_predict__fails_once_if_nothing_could_be_read(
    name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "empty").mkdir()
    assert main(["predict", str(tmp_path / name)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "fix"]
    assert Path(name).name in err


def test_predict__says_what_to_do_about_its_only_source(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", "0.001")
    assert main(["predict", str(folder / "a.png")]) == 3
    assert "fix: shrink it, or set FER_MAX_MEGAPIXELS" in capsys.readouterr().err
    assert main(["predict", str(folder / "no.png")]) == 3
    assert "fix: check the path and that a viewer opens the file" in capsys.readouterr().err


def test_predict__writes_copies_and_refuses_to_replace_them(folder: Path, tmp_path: Path):
    arguments = ["predict", str(folder), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == [
        ".job.jsonl",
        "a.png",
        "c.mp4",
        "c.report.html",
        *TABLES[:4],
        "report.html",
        *TABLES[4:],
    ]
    assert main(arguments) == 1
    assert main([*arguments, "--overwrite"]) == 0


def test_predict__writes_one_report_of_all_sources(folder: Path, tmp_path: Path):
    page = tmp_path / "page.html"
    assert main(["predict", str(folder), "--report", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    for words in ("a.png", "c.mp4", "b.jpg", "fake, version 1", "torch on cpu", "not a picture"):
        assert words in text
    assert main(["predict", str(folder), "--report", str(page)]) == 1


def test_predict__takes_a_list_from_stdin(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for listed in (f"{folder}/a.png\n\n{folder}/nope.jpg\r\n", f"{folder}/a.png\0{folder}/nope.jpg\0"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(listed.encode())))
        assert main(["predict", "-", "--json"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(Path(line["source"]).name, line["status"]) for line in lines] == [
            ("a.png", "ok"),
            ("nope.jpg", "unreadable"),
        ]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main(["predict", "-"]) == 2
    assert "stdin names no source" in capsys.readouterr().err


def test_predict__saves_tables_by_their_suffix(folder: Path, tmp_path: Path):
    names = [tmp_path / f"rows{suffix}" for suffix in (".csv", ".jsonl", ".parquet")]
    arguments = ["predict", str(folder), *(word for name in names for word in ("--save", str(name)))]
    assert main(arguments) == 0
    with names[0].open(newline="") as file:
        frames = [row["frame"] for row in csv.DictReader(file)]
    assert frames == ["", "", "0", "1", "2", "3", "4"]
    assert len(names[1].read_text().splitlines()) == 7
    assert pyarrow.parquet.read_table(names[2])["status"].to_pylist() == ["ok", "unreadable"] + ["ok"] * 5
    assert main(arguments) == 1
    assert main(["predict", str(folder), "--save", str(tmp_path / "rows.xls")]) == 2


def test_predict__lists_a_video_with_frames_that_cannot_be_decoded(
    tmp_path: Path, damaged_clip: Callable[..., Path], capsys: pytest.CaptureFixture[str]
):
    clip, out = damaged_clip(tmp_path / "clip.mp4", broken=(4, 5)), tmp_path / "out"
    assert main(["predict", str(clip), "--out", str(out), "--strict"]) == 1
    out_text, err = capsys.readouterr()
    assert "38 frames, the last at 3.9 s; 38 faces, 0 frames without a face, 2 could not be decoded" in out_text
    assert "clip.mp4: 2 frames could not be decoded" in err
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows if row["status"] == "decode_error"] == ["4", "5"]
    assert "2 frames" in (out / "clip.report.html").read_text()
    assert main(["predict", str(clip), "--out", str(out), "--resume", "--strict"]) == 1
    assert "clip.mp4: 2 frames could not be decoded" in capsys.readouterr().err


def test_predict__resume_keeps_finished_files_and_reads_new_ones(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out, rows = tmp_path / "in" / "out", tmp_path / "rows.jsonl"
    arguments = ["predict", str(folder), "--out", str(out)]
    assert main(arguments) == 0
    made = {path.name: path.stat().st_mtime_ns for path in out.iterdir() if path.suffix in (".mp4", ".png")}
    (folder / "d.mp4").write_bytes((folder / "c.mp4").read_bytes())
    capsys.readouterr()
    assert main([*arguments, "--resume", "--json", "--save", str(rows)]) == 0
    out_text, err = capsys.readouterr()
    assert [json.loads(line)["frame"] for line in out_text.splitlines()] == [None, None, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    assert rows.read_text() == out_text
    assert {name: (out / name).stat().st_mtime_ns for name in made} == made
    page = (out / "report.html").read_text()
    for words in ("a.png", "c.report.html", "d.report.html", "b.jpg"):
        assert words in page
    assert "1 of 4 sources could not be read completely" in err
    assert main([*arguments, "--resume", "--smooth", "1"]) == 1
    assert "different settings" in capsys.readouterr().err


@pytest.mark.parametrize("extra", [[], ["--out", "x", "--report", "y.html"]])
def test_predict__resume_needs_a_folder_and_no_report(
    extra: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["predict", str(folder), "--resume", *extra]) == 2
    assert "--resume" in capsys.readouterr().err


_KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import test_predict as here
from fercli.faces import detector as faces
from fercli.weights import classifier as inference

class Killer(here.OneFace):
    seen = 0
    def detect(self, frames, *, min_face_px=None):
        Killer.seen += len(frames)
        if Killer.seen > 60:  # in the second of three clips of 40 frames
            os.kill(os.getpid(), signal.SIGKILL)
        return super().detect(frames)

faces.open_detector = lambda *_, **__: Killer()
inference.load_classifier = lambda *_, **__: here.Surprised()
here.main(sys.argv[1:])
"""


@pytest.mark.slow
def test_predict__continues_after_it_was_killed(
    tmp_path: Path, damaged_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    for name in ("a", "b", "c"):
        damaged_clip(clips / f"{name}.mp4", broken=())
    arguments = ["predict", str(clips), "--out", str(out), "--quiet"]
    script = _KILLED.format(tests=str(Path(__file__).parent))
    killed = subprocess.run([sys.executable, "-c", script, *arguments], check=False, capture_output=True, timeout=300)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert sorted(path.name for path in out.iterdir() if path.name[0] != ".") == ["a.mp4", "a.report.html"]
    detected: list[int] = []

    class Counter(OneFace):
        def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
            detected.append(len(frames))
            return super().detect(frames)

    monkeypatch.setattr("fercli.faces.detector.open_detector", lambda *_, **__: Counter())
    before = (out / "a.mp4").stat().st_mtime_ns
    assert main(arguments) == 1
    assert main([*arguments, "--resume"]) == 0
    assert sum(detected) == 80
    assert (out / "a.mp4").stat().st_mtime_ns == before
    names = [
        ".job.jsonl",
        *(f"{name}{end}" for name in "abc" for end in (".mp4", ".report.html")),
        *TABLES,
        "report.html",
    ]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    with (out / "predictions.csv").open(newline="") as file:
        rows = [(Path(row["source"]).name, int(row["frame"])) for row in csv.DictReader(file)]
    assert rows == [(f"{name}.mp4", number) for name in "abc" for number in range(40)]
    with VideoReader(out / "b.mp4") as video:
        assert sum(1 for _ in video) == 40


def test_predict__reads_a_part_of_a_video(folder: Path, capsys: pytest.CaptureFixture[str]):
    out, clip = folder.parent / "out", folder / "c.mp4"  # frames at 0, .1, .2, .3, .4 s
    part = ["--start", "0:00.1", "--end", "0.4", "--fps", "5", "--out", str(out)]
    assert main(["predict", str(clip), "--json", *part]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["frame"], row["time_s"]) for row in rows] == [(1, 0.1), (3, 0.3)]
    with VideoReader(out / "c.mp4") as video:
        assert [round(frame.time_s, 3) for frame in video] == [0.0, 0.2]
    report = (out / "c.report.html").read_text()
    assert "from 0:00.1 to 0:00.4" in report  # the part ends before the next frame that would be read
    assert "at most 5 per second from 0:00.100 to 0:00.400" in report
    assert main(["predict", str(clip), "--resume", *part]) == 0
    assert main(["predict", str(clip), "--resume", *part[:2], "--out", str(out)]) == 1  # other frames, another job


def test_predict__takes_its_own_table_as_boxes(folder: Path, capsys: pytest.CaptureFixture[str]):
    out, again = folder.parent / "out", folder.parent / "again"
    assert main(["predict", str(folder), "--out", str(out)]) == 0
    boxes = ["--boxes", str(out / "predictions.csv")]
    assert main(["predict", str(folder), *boxes, "--out", str(again), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert (out / "predictions.csv").read_text() == (again / "predictions.csv").read_text()
    assert {tuple(row["box_xyxy"]) for row in rows if row["status"] != "unreadable"} == {(10.0, 10.0, 50.0, 60.0)}
    assert "given in predictions.csv, sha256" in (again / "c.report.html").read_text()
    assert main(["predict", str(folder), *boxes, "--out", str(again), "--resume"]) == 0
    assert main(["predict", str(folder), "--out", str(again), "--resume"]) == 1  # detected faces: another job


def test_predict__keeps_boxes_without_score_and_landmarks(folder: Path, capsys: pytest.CaptureFixture[str]):
    table, out = folder.parent / "boxes.csv", folder.parent / "out"
    table.write_text("source,left,top,right,bottom\na.png,10,10,50,60\n")
    arguments = ["predict", str(folder / "a.png"), "--boxes", str(table), "--out", str(out)]
    assert main([*arguments, "--json"]) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["label"], row["box_xyxy"]) == ("surprise", [10, 10, 50, 60])
    assert row["detection_score"] is row["landmarks"] is None
    assert main([*arguments, "--resume", "--json"]) == 0  # read back from the job
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [row]


def test_predict__classifies_crops_whole(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["predict", str(folder / "a.png"), "--crops", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["box_xyxy"] == [0, 0, 90, 80]


def test_predict__refuses_boxes_that_do_not_fit(folder: Path, capsys: pytest.CaptureFixture[str]):
    table, picture = folder.parent / "boxes.csv", str(folder / "a.png")
    table.write_text("source,left,top,right,bottom\nb.png,10,10,50,60\n")
    for arguments, code, message in (
        ([picture, "--boxes", str(table)], 3, "boxes.csv, line 2: b.png is not among the sources"),
        ([picture, "--boxes", "no.csv"], 3, "no.csv: no such file"),
        ([picture, "--boxes", str(table), "--crops"], 2, "crops have no boxes"),
        (["0", "--boxes", str(table)], 2, "--boxes needs files"),
    ):
        assert main(["predict", *arguments]) == code
        assert message in capsys.readouterr().err


def test_predict__refuses_parts_that_make_no_sense(folder: Path, capsys: pytest.CaptureFixture[str]):
    clip, picture = str(folder / "c.mp4"), str(folder / "a.jpg")
    write_image(folder / "a.jpg", np.full((80, 90, 3), 99, np.uint8))
    for arguments, message in (
        ([clip, "--start", "soon"], "--start soon: not a time"),
        ([clip, "--start", "2", "--end", "1:00", "--fps", "0"], "fps is 0: must be above 0"),
        ([clip, "--start", "3", "--end", "2"], "end is 2 s: must be after the start at 3 s"),
        ([picture, "--fps", "5"], "--fps, --start and --end need a video among the sources"),
    ):
        assert main(["predict", *arguments]) == 2
        assert message in capsys.readouterr().err
    assert main(["predict", clip, "--start", "9"]) == 3
    assert "no frame to read (every frame from 0:09.000): it ends at 0:00.5" in capsys.readouterr().err


def test_predict__stops_a_camera_with_all_outputs_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Capture:
        def isOpened(self) -> bool:
            return True

        def read(self) -> tuple[bool, np.ndarray]:
            time.sleep(0.01)
            return True, np.full((80, 90, 3), 99, np.uint8)

        def release(self) -> None:
            pass

    monkeypatch.setattr(
        "fercli.media.camera.CameraReader", lambda number, **_: CameraReader(number, capture=lambda _: Capture())
    )
    out = tmp_path / "out"
    assert main(["predict", "0", "--seconds", "0.3", "--out", str(out), "--quiet"]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        ".job.jsonl",
        "camera-0.mp4",
        "camera-0.report.html",
        *TABLES,
    ]
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 1
    assert (rows[0]["source"], rows[0]["time_s"]) == ("camera 0", "0.0")
    with VideoReader(out / "camera-0.mp4") as video:
        assert sum(1 for _ in video) == len(rows)


def test_predict__seconds_needs_a_live_source(folder: Path, capsys):
    assert main(["predict", str(folder), "--seconds", "3"]) == 2
    assert "--seconds needs a camera or stream among the sources" in capsys.readouterr().err


def test_predict__reports_the_device_of_the_detector_if_it_differs(
    folder: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(OneFace, "device", "cuda:0")
    assert main(["predict", str(folder)]) == 0
    assert "torch on cpu, detector on cuda:0" in capsys.readouterr().err


def test_predict__warns_of_weights_trained_with_another_detector(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    card = replace(Surprised.card, data={"alignment": {"detector": "other 1", "size": 112}})
    monkeypatch.setattr(Surprised, "card", card)
    assert main(["predict", str(folder / "a.png")]) == 0
    assert "aligned differently from the training data of fake: detector yunet" in capsys.readouterr().err
    monkeypatch.setattr(Surprised, "card", replace(card, data={"alignment": {"detector": detector_version()}}))
    assert main(["predict", str(folder / "a.png")]) == 0
    assert "aligned" not in capsys.readouterr().err


def test_predict__states_the_label_convention_in_its_outputs(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = []
    posed = Surprised()
    posed.card = replace(Surprised.card, convention="posed")

    def load(*_: object, convention: str | None = None, **__: object) -> Surprised:
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
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    picture, table = str(folder / "a.png"), tmp_path / "t.parquet"
    assert main(["predict", picture, "--prior", "uniform"]) == 2
    assert "does not state the class shares that its probabilities assume" in capsys.readouterr().err
    monkeypatch.setattr(Surprised, "card", replace(Surprised.card, prior=dict.fromkeys(NAMES, 1 / 7)))
    monkeypatch.setattr("fercli.cli.predict.weights_settings", lambda *_: {})
    monkeypatch.setattr(Surprised, "logits", lambda self, crops: np.zeros((len(crops), 7), np.float32), raising=False)
    shares = tmp_path / "mine.csv"
    rows = [f"{name},{2 if name == 'fear' else 1}" for name in NAMES]
    shares.write_text("class,share\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert main(["predict", picture, "--prior", str(shares), "--save", str(table), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["label"], record["probability"]) == ("fear", 0.25)  # 2 of 8
    settings = json.loads(pyarrow.parquet.read_metadata(table).metadata[b"fer"])["settings"]
    assert settings["class shares"].startswith(f"{shares}: ")
    assert "fear 25.0 %" in settings["class shares"]


def test_predict__flip_averages_a_face_and_its_mirror_image_and_says_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    sides = iter([0.9, 0.5])  # of surprise in the face and in its mirror image

    def logits(self: Surprised, crops: np.ndarray) -> np.ndarray:
        surprise = next(sides)
        return np.tile(np.log(np.float32([surprise] + [(1 - surprise) / 6] * 6)), (len(crops), 1))

    monkeypatch.setattr(Surprised, "logits", logits, raising=False)
    monkeypatch.setattr("fercli.cli.predict.weights_settings", lambda *_: {})
    table = tmp_path / "t.parquet"
    assert main(["predict", str(folder / "a.png"), "--flip", "--save", str(table), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["probability"] == 0.7
    settings = json.loads(pyarrow.parquet.read_metadata(table).metadata[b"fer"])["settings"]
    assert settings["test-time augmentation"] == "mean of the probabilities of a face and its mirror image"
