"""The summary of fer predict: right numbers and nouns."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercli.cli.predict_summary import RunSummary
from fercli.media.selection import FrameSelection
from fercli.media.sources import Source
from fercli.predict.image_result import ImageResult
from fercli.results import Face, Prediction
from fercli.system.stopwatch import Stopwatch

RGB = np.zeros((4, 4, 3), np.uint8)
FACE = Face((1.0, 2.0, 3.0, 4.0), 0.9, ((0.0, 0.0),) * 5)
PICTURE = Source(Path("in/a.jpg"), "image", Path("a.jpg"))
CLIP = Source(Path("in/b.mp4"), "video", Path("b.mp4"))


def _face(value: float, **other: object) -> Prediction:
    probabilities = {"fear": value, "anger": 1 - value}
    return Prediction("x", "ok", face=0, detection=FACE, label="fear", probabilities=probabilities, **other)  # type: ignore[arg-type]


def _times(summary: RunSummary, capsys: pytest.CaptureFixture[str]) -> str:
    summary.show_times(Stopwatch(), "onnx on cpu")
    return capsys.readouterr().err


def test_times__of_one_picture_are_in_the_singular(capsys: pytest.CaptureFixture[str]):
    summary = RunSummary()
    assert _times(summary, capsys) == ""
    summary.add(ImageResult(PICTURE, RGB, None, (_face(0.8),)))
    text = _times(summary, capsys)
    assert text.startswith("1 picture, 1 face in ")
    assert "pictures per second, onnx on cpu)" in text
    assert text.endswith("(decoding runs in parallel)\n")


def test_times__count_pictures_and_frames_apart(capsys: pytest.CaptureFixture[str]):
    summary = RunSummary()
    summary.add(ImageResult(PICTURE, RGB, None, (Prediction("x", "no_face"),)))
    for frame in range(2):
        summary.add(ImageResult(CLIP, RGB, frame / 25, (_face(0.8, frame=frame),), frame))
    text = _times(summary, capsys)
    assert text.startswith("1 picture, 2 frames, 2 faces in ")
    assert "images per second" in text


def test_show__shares_are_rounded_as_those_of_summary_csv(capsys: pytest.CaptureFixture[str]):
    # 0.3114410 and 0.0614408 of the time: with six decimals, as in summary.csv, their remainders are equal
    summary = RunSummary()
    for time_s, label in ((0.0, "sadness"), (6.131124, "fear"), (7.340667, "anger"), (13.513500, "anger")):
        face = Prediction("b.mp4", "ok", 0, time_s, 0, FACE, label, {label: 1.0})
        summary.add(ImageResult(CLIP, RGB, time_s, (face,), 0))
    summary.show()
    text = capsys.readouterr().out
    shares = re.findall(r"(\w+) +[\d.]+ +([\d.]+) %", text)
    assert shares == [("anger", "62.7"), ("sadness", "31.1"), ("fear", "6.2")]


def test_show__shares_of_a_video_add_up_to_100(capsys: pytest.CaptureFixture[str]):
    summary = RunSummary()
    for frame, value in enumerate((0.8, 0.3, 0.9)):
        label = "fear" if value > 0.5 else "anger"
        probabilities = {"fear": value, "anger": 1 - value}
        face = Prediction(
            "x", "ok" if frame < 2 else "uncertain", frame, 0.0, 0, FACE, label, probabilities, detail="text"
        )
        summary.add(ImageResult(CLIP, RGB, frame / 25, (face,), frame))
    summary.show()
    out = capsys.readouterr().out
    assert "3 frames, the last at 0.1 s; 3 faces, 0 frames without a face" in out
    assert [word for word in ("33.4 %", "33.3 %") if word in out] == ["33.4 %", "33.3 %"]


def test_show__a_near_certain_face_is_above_99_percent(capsys: pytest.CaptureFixture[str]):
    summary = RunSummary()
    summary.add(ImageResult(PICTURE, RGB, None, (_face(0.9999),)))
    summary.show()
    assert "> 99 %" in capsys.readouterr().out


def test_show__counts_time_in_view_not_frames(capsys: pytest.CaptureFixture[str]):
    summary = RunSummary()
    # fear is held for 0.8 s; anger, an uncertain face and the last frame for 0.1 s each
    for frame, (time_s, value, status) in enumerate(
        [(0.0, 0.8, "ok"), (0.8, 0.3, "ok"), (0.9, 0.9, "uncertain"), (1.0, 0.9, "too_small")]
    ):
        label = "fear" if value > 0.5 else "anger"
        probabilities = {"fear": value, "anger": 1 - value}
        face = Prediction("x", status, frame, time_s, 0, FACE, label, probabilities, detail="text")  # type: ignore[arg-type]
        summary.add(ImageResult(CLIP, RGB, time_s, (face,), frame))
    summary.show()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["fear", "0.8", "72.7", "%"] in [row[:4] for row in rows]
    assert ["anger", "0.1", "9.1", "%"] in [row[:4] for row in rows]
    assert ["uncertain", "0.2", "18.2", "%"] in [row[:4] for row in rows]


@pytest.mark.parametrize(
    ("width", "box", "name"),
    [(80, False, r"a-long.*….*-31\.jpg"), (140, True, "a-long-name-of-a-photo-2026-11-28-17-31.jpg")],
)
def test_table__of_a_narrow_terminal_has_one_line_per_face(
    width: int, box: bool, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("fercli.cli.console.width", lambda: width)
    summary = RunSummary()
    source = Source(
        Path("in/a-long-name-of-a-photo-2026-11-28-17-31.jpg"),
        "image",
        Path("a-long-name-of-a-photo-2026-11-28-17-31.jpg"),
    )
    detail = {"detection": FACE, "label": "fear", "probabilities": {"fear": 0.5, "anger": 0.5}, "face": 0}
    summary.add(ImageResult(source, RGB, None, (Prediction(source.name, "uncertain", **detail),)))  # type: ignore[arg-type]
    summary.show()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert ("box" in lines[0]) is box
    (row,) = lines[2:]
    assert re.fullmatch(name, row.split()[0])
    assert len(row.rstrip()) <= width


def test_show__of_a_part_of_a_video_ends_where_the_part_does(capsys: pytest.CaptureFixture[str]):
    # frames of 0.4 s up to 1 s: the third one is shown for 0.2 s of it, with a face that has no track
    part = replace(CLIP, selection=FrameSelection(end_s=1.0))
    summary = RunSummary()
    for frame, faces in enumerate(([1], [1], [1, None])):
        rows = tuple(_face(0.8, frame=frame, track=track) for track in faces)
        summary.add(ImageResult(part, RGB, frame * 0.4, rows, frame))
    summary.show()
    (line,) = [line.split() for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["fear"]]
    assert line[:4] == ["fear", "1.2", "100.0", "%"]
