"""fer predict from the command line: stdout, stderr and exit codes."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from fercli.cli.main import main
from fercli.media.images import Rgb
from fercli.media.video import VideoReader
from fercli.results import Face

pytestmark = pytest.mark.usefixtures("fakes")


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
        assert re.search(rf" {stage} \d+\.\d\d s", err)  # however slow the machine


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


def test_predict__writes_copies_and_refuses_to_replace_them(fakes: Any, folder: Path, tmp_path: Path):
    arguments = ["predict", str(folder), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == [
        ".job.jsonl",
        "a.png",
        "c.mp4",
        "c.report.html",
        *fakes.TABLES[:4],
        "report.html",
        *fakes.TABLES[4:],
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
import predict_fakes as here
from fercli.cli.main import main
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
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_predict__continues_after_it_was_killed(
    fakes: Any, tmp_path: Path, damaged_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    for name in ("a", "b", "c"):
        damaged_clip(clips / f"{name}.mp4", broken=())
    arguments = ["predict", str(clips), "--out", str(out), "--quiet"]
    script = _KILLED.format(tests=str(Path(__file__).parents[1]))
    killed = subprocess.run([sys.executable, "-c", script, *arguments], check=False, capture_output=True, timeout=600)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert sorted(path.name for path in out.iterdir() if path.name[0] != ".") == ["a.mp4", "a.report.html"]
    detected: list[int] = []

    class Counter(fakes.OneFace):
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
        *fakes.TABLES,
        "report.html",
    ]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    with (out / "predictions.csv").open(newline="") as file:
        rows = [(Path(row["source"]).name, int(row["frame"])) for row in csv.DictReader(file)]
    assert rows == [(f"{name}.mp4", number) for name in "abc" for number in range(40)]
    with VideoReader(out / "b.mp4") as video:
        assert sum(1 for _ in video) == 40
