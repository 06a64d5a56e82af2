"""What fer predict reads: parts of videos, cameras for some seconds, boxes and crops that are given."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fercli.cli.main import main
from fercli.media.camera import CameraReader
from fercli.media.images import write_image
from fercli.media.video import VideoReader

pytestmark = pytest.mark.usefixtures("fakes")


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


def test_predict__stops_a_camera_with_all_outputs_complete(fakes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class AfterThreeFrames:
        """A timer that ends when three frames have been searched for faces."""

        def __init__(self, after_s: float, end: Callable[[], None]) -> None:
            assert after_s == 0.3
            fakes_detect = fakes.OneFace.detect
            left = [3]

            def detect(self: Any, frames: Any, **options: Any) -> Any:
                left[0] -= len(frames)
                if left[0] <= 0:
                    end()
                return fakes_detect(self, frames, **options)

            monkeypatch.setattr(fakes.OneFace, "detect", detect)

        def start(self) -> None:
            pass

        def cancel(self) -> None:
            pass

    class Capture:
        def isOpened(self) -> bool:
            return True

        def read(self) -> tuple[bool, np.ndarray]:
            time.sleep(0.01)
            return True, np.full((80, 90, 3), 99, np.uint8)

        def release(self) -> None:
            pass

    monkeypatch.setattr("fercli.cli.console.Timer", AfterThreeFrames)
    monkeypatch.setattr("fercli.media.latest_frames._LATE_S", 600)  # however busy the machine is
    monkeypatch.setattr(
        "fercli.media.camera.CameraReader", lambda number, **_: CameraReader(number, capture=lambda _: Capture())
    )
    out = tmp_path / "out"
    assert main(["predict", "0", "--seconds", "0.3", "--out", str(out), "--quiet"]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        ".job.jsonl",
        "camera-0.mp4",
        "camera-0.report.html",
        *fakes.TABLES,
    ]
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 3
    assert (rows[0]["source"], rows[0]["time_s"]) == ("camera 0", "0.0")
    with VideoReader(out / "camera-0.mp4") as video:
        assert sum(1 for _ in video) == len(rows)


def test_predict__seconds_needs_a_live_source(folder: Path, capsys):
    assert main(["predict", str(folder), "--seconds", "3"]) == 2
    assert "--seconds needs a camera or stream among the sources" in capsys.readouterr().err
