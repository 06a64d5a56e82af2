"""Baselines of videos and pictures, while they are predicted and in saved tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercli.errors import DataError
from fercli.media.sources import Source, find_sources
from fercli.media.video_writer import VideoWriter
from fercli.predict.baseline.apply import BaselineCorrection, with_baselines
from fercli.predict.baseline.saved_rows import correct_rows
from fercli.predict.baseline.table import read_baselines
from fercli.predict.image_result import ImageResult
from fercli.results import Face, Prediction
from fercli.rows.formats import open_table
from fercli.rows.read import SavedRows, read_rows
from fercli.rows.run_record import new_record

LABELS = ("neutral", "happiness", "sadness")
REST, SMILE = (0.15, 0.05, 0.8), (0.15, 0.45, 0.4)  # sad at rest; in the smile the odds of happiness are 9 times higher
LAUGH = (0.02, 0.9, 0.08)  # odds of happiness 135 times those at rest: e^4.9
CORRECTION = BaselineCorrection(LABELS, abstain_below=0.0, min_reliable_px=10)
BOX = Face((10.0, 10.0, 60.0, 70.0), 0.95, None)


def _face(source: str, values: Sequence[float], *, frame: int | None = None, track: int | None = 1) -> Prediction:
    label = LABELS[int(np.argmax(values))]
    return Prediction(
        source, "ok", frame, None if frame is None else frame / 10, 0, BOX, label,
        dict(zip(LABELS, values, strict=True)), track=track if frame is not None else None,
    )  # fmt: skip


@pytest.fixture
def clip(tmp_path: Path) -> Source:
    """Twenty frames of rising brightness."""
    with VideoWriter(tmp_path / "clip.mp4") as writer:
        for number in range(20):
            writer.write(np.full((80, 80, 3), 10 * number, np.uint8), number / 10)
    (source,) = find_sources([str(tmp_path / "clip.mp4")])
    return source


def _results(source: Source) -> list[ImageResult]:
    """A second of rest, then a smile and a laugh; in the last frame there is no face."""
    values = [REST] * 10 + [SMILE] * 5 + [LAUGH] * 4
    faces: list[Prediction] = [_face(source.name, value, frame=index) for index, value in enumerate(values)]
    faces.append(Prediction(source.name, "no_face", 19, 1.9))
    return [ImageResult(source, np.zeros((80, 80, 3), np.uint8), f.time_s, (f,), f.frame) for f in faces]


def test_video__is_corrected_by_its_own_rest_and_keeps_frames_and_pixels(clip: Source):
    notes: list[str] = []
    corrected = list(
        with_baselines(
            _results(clip), read_baselines("0:00-0:01"), CORRECTION, neutral={}, on_note=lambda _, n: notes.append(n)
        )
    )
    labels = [result.predictions[0].label for result in corrected]
    # e^2.2 times the odds at rest is below the margin of 3, e^4.9 is above
    assert labels == ["neutral"] * 15 + ["happiness"] * 4 + [None]
    assert [result.frame for result in corrected] == list(range(20))
    assert {result.predictions[0].baseline for result in corrected[:-1]} == {"0:00.0 to 0:01.0"}
    brightness = [0 if result.rgb is None else round(float(result.rgb.mean()), -1) for result in corrected]
    assert brightness == [10 * number for number in range(20)]
    assert notes == []


def test_video__without_a_face_in_the_span_stays_as_it_is_with_a_note(clip: Source):
    notes: list[str] = []
    results = _results(clip)
    same = list(
        with_baselines(
            results, read_baselines("1:00-2:00"), CORRECTION, neutral={}, on_note=lambda _, n: notes.append(n)
        )
    )
    assert [result.predictions for result in same] == [result.predictions for result in results]
    assert notes == ["no baseline for 1 track (1): the span is after the end of the video (0:01.9)"]


def test_saved_rows__are_corrected_like_the_video(clip: Source, tmp_path: Path):
    during = with_baselines(
        _results(clip), read_baselines("0:00-0:01"), CORRECTION, neutral={}, on_note=lambda *_: None
    )
    run = new_record({"minimum reliable face size": "10 px"}, LABELS, weights="w", uncertain_below=0.0)
    with open_table(tmp_path / "raw.csv", LABELS, run=run) as table:
        for result in _results(clip):
            table.add(result.predictions)
    rows = read_rows(tmp_path / "raw.csv")
    count = correct_rows(rows, read_baselines("0:00-0:01"), tmp_path / "new.csv", on_note=lambda _: None)
    assert count == 19
    after = read_rows(tmp_path / "new.csv")
    for one, other in zip(after.predictions(), during, strict=True):
        expected = other.predictions[0]
        assert (one.label, one.status, one.baseline) == (expected.label, expected.status, expected.baseline)
        assert one.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    assert after.run.settings["baseline"].startswith("0:00-0:01, subtracted in logit space")
    with pytest.raises(DataError, match="subtracted before"):
        correct_rows(after, read_baselines("auto"), tmp_path / "twice.csv", on_note=lambda _: None)


def test_saved_rows__of_pictures_are_corrected_by_the_neutral_picture_in_the_table(tmp_path: Path):
    neutral, smile = tmp_path / "anna_0.jpg", tmp_path / "anna_1.jpg"
    neutral.touch()
    (tmp_path / "rest.csv").write_text("person,neutral\nanna,anna_0.jpg\n")
    with open_table(tmp_path / "raw.csv", LABELS) as table:
        table.add([_face(str(neutral), REST)])
        table.add([_face(str(smile), LAUGH), replace(_face(str(smile), REST), face=1)])
    baselines = read_baselines(str(tmp_path / "rest.csv"))
    rows = read_rows(tmp_path / "raw.csv")
    assert correct_rows(rows, baselines, tmp_path / "new.csv", on_note=lambda _: None) == 2
    first, second, other = read_rows(tmp_path / "new.csv").predictions()
    assert [(face.label, face.person, face.baseline) for face in (first, second, other)] == [
        ("neutral", "anna", "anna_0.jpg"),
        ("happiness", "anna", "anna_0.jpg"),
        ("sadness", None, None),  # whose face this is, is unknown
    ]


def _saved(path: Path) -> SavedRows:
    """A clip of 2 s with the tracks 1 and 2, the second one in view for 0.3 s, and a face without a track."""
    with open_table(path / "raw.csv", LABELS) as table:
        for frame in range(20):
            faces = [_face("in/clip.mp4", REST, frame=frame)]
            faces += [replace(_face("in/clip.mp4", REST, frame=frame, track=2), face=1)] if frame < 3 else []
            faces += [replace(_face("in/clip.mp4", SMILE, frame=frame, track=None), face=2)] if frame > 3 else []
            table.add(faces)
    return read_rows(path / "raw.csv")


def test_saved_rows__faces_without_a_track_have_no_baseline_beside_people(tmp_path: Path):
    notes: list[str] = []
    assert correct_rows(_saved(tmp_path), read_baselines("0:00-0:01"), tmp_path / "new.csv", on_note=notes.append) == 20
    assert notes == ["in/clip.mp4: no baseline for 1 track (2): less than 5 frames of the span show the face"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,person,span\nclip.mp4,Ana,0:00-0:01\n", "line 2: no person Ana"),
        ("source,person,span\nclpi.mp4,1,0:00-0:01\n", r"line 2: no video clpi\.mp4"),
        ("person;span\n1;0:10-0:12\n", r"line 2: 0:10\.0 to 0:12\.0 is after the end of clip\.mp4 \(0:01\.9\)"),
        ("Person,Span\n2,0:00-0:01\n", "nobody has a baseline"),
        ("person,neutral\nanna,rest.csv\n", "line 2: no picture of anna"),
    ],
)
def test_saved_rows__a_row_about_nobody_is_an_error(text: str, message: str, tmp_path: Path):
    (tmp_path / "rest.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        correct_rows(
            _saved(tmp_path), read_baselines(str(tmp_path / "rest.csv")), tmp_path / "new.csv", on_note=lambda _: None
        )
    assert not (tmp_path / "new.csv").exists()


def test_saved_rows__without_tracking_only_the_largest_face_has_a_baseline(tmp_path: Path):
    with open_table(tmp_path / "raw.csv", LABELS) as table:
        for frame in range(10):
            largest = _face("in/clip.mp4", REST, frame=frame, track=None)
            table.add([largest, replace(_face("in/clip.mp4", LAUGH, frame=frame, track=None), face=1)])
    rows = read_rows(tmp_path / "raw.csv")
    assert correct_rows(rows, read_baselines("0:00-0:01"), tmp_path / "new.csv", on_note=lambda _: None) == 10
    labels = [(row.face, row.label, row.baseline) for row in read_rows(tmp_path / "new.csv").predictions()]
    assert set(labels) == {(0, "neutral", "0:00.0 to 0:01.0"), (1, "happiness", None)}
