"""Rows of a video, written down as short as possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fercli.results import Face, Prediction, Status
from fercli.rows.formats import open_table
from fercli.rows.run_record import RunRecord

CLASSES = ("neutral", "happiness", "sadness")
FACE = Face((10, 20, 60, 80), 0.99, None)


def face(
    time_s: float,
    probabilities: Sequence[float],
    *,
    frame: int,
    track: int | None = 1,
    status: Status = "ok",
    score: float = 0.99,
    source: str = "a.mp4",
    index: int = 0,
) -> Prediction:
    named = dict(zip(CLASSES, probabilities, strict=True))
    label = max(named, key=lambda name: named[name])
    where = Face(FACE.box_xyxy, score, None)
    return Prediction(source, status, frame, time_s, index, where, label, named, track=track)


def nobody(time_s: float, *, frame: int, source: str = "a.mp4", status: Status = "no_face") -> Prediction:
    return Prediction(source, status, frame, time_s, detail="no face detected")


def shown(text: str, *, fps: float = 10, source: str = "a.mp4", track: int | None = 1) -> list[Prediction]:
    """One frame per letter: n, h, s are certain expressions, capitals uncertain ones (p 0.4), `.` nobody, `!` not decoded.

    The probability of a certain one is 0.8, the others share the rest.
    """
    rows = []
    for frame, letter in enumerate(text):
        time_s = frame / fps
        if letter in ".!":
            rows.append(
                nobody(time_s, frame=frame, source=source, status="no_face" if letter == "." else "decode_error")
            )
            continue
        probability = 0.8 if letter.islower() else 0.4
        values = [(1 - probability) / 2] * 3
        values["nhs".index(letter.lower())] = probability
        status: Status = "ok" if letter.islower() else "uncertain"
        rows.append(face(time_s, values, frame=frame, track=track, status=status, source=source))
    return rows


@pytest.fixture
def rows_of() -> Callable[..., list[Prediction]]:
    return shown


@pytest.fixture
def face_of() -> Callable[..., Prediction]:
    return face


@pytest.fixture
def table_of(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as predictions.csv of a folder."""

    def write(*rows: Prediction, name: str = "predictions.csv") -> Path:
        run = RunRecord("fer 1", "2026-01-01T00:00:00+00:00", "toy, version 1", CLASSES, 0.5, {"tracking": "on"})
        with open_table(tmp_path / name, CLASSES, run=run) as table:
            table.add(rows)
        return tmp_path / name

    return write


@pytest.fixture
def classes() -> tuple[str, ...]:
    return CLASSES
