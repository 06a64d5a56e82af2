"""The predict stage with fake detector and classifier: order, batches, a result for everything."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercli.config.detect import DetectConfig
from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.errors import UsageError
from fercli.media.images import Rgb, write_image
from fercli.media.sources import find_sources
from fercli.media.video_writer import VideoWriter
from fercli.predict.boxes_file import read_boxes
from fercli.predict.given_faces import FacesByFrame
from fercli.predict.image_result import ImageResult
from fercli.predict.options import PredictOptions
from fercli.predict.predict import predict
from fercli.results import Face
from fercli.rows.records import columns, prediction_row
from fercli.system.stopwatch import Stopwatch
from fercli.weights.card import WeightsCard

DamagedClip = Callable[..., Path]  # the fixture of tests/conftest.py
NAMES = schema("rafdb").names
FACE = Face((10.0, 10.0, 50.0, 60.0), 0.9, ((20.0, 25.0), (40.0, 25.0), (30.0, 35.0), (22.0, 48.0), (38.0, 48.0)))


class BrightDetector:
    """Finds one face in every frame that is not black, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        self.batches.append(len(frames))
        return [[FACE] if frame.max() > 30 else [] for frame in frames]


class RednessClassifier:
    """Class 0 with 0.9 if the crop is red, class 1 with 0.6 otherwise."""

    card = WeightsCard("fake", "1", NAMES, "rafdb", template("arcface"), MODELS["btn-tiny"], abstain_below=0.7)
    engine, device = "torch", "cpu"

    def logits(self, crops: np.ndarray) -> np.ndarray:
        return np.log(self.classify(crops))

    def classify(self, crops: np.ndarray) -> np.ndarray:
        assert crops.shape[1:] == (48, 48, 3)
        red = crops[..., 0].mean(axis=(1, 2)) > crops[..., 2].mean(axis=(1, 2))
        probabilities = np.full((len(crops), 7), 0.1 / 6, np.float32)
        probabilities[red, 0] = 0.9
        probabilities[~red] = 0.4 / 6
        probabilities[~red, 1] = 0.6
        return probabilities


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a: red, b: blue, c: black, d: text, e: a clip of 40 frames, red, then black."""
    colours = {"a": (200, 0, 0), "b": (0, 0, 200), "c": (0, 0, 0)}
    for name, colour in colours.items():
        write_image(tmp_path / f"{name}.png", np.full((80, 90, 3), colour, np.uint8))
    (tmp_path / "d.jpg").write_text("hello")
    with VideoWriter(tmp_path / "e.mp4") as writer:
        for number in range(40):
            writer.write(np.full((80, 90, 3), (200, 0, 0) if number < 30 else 0, np.uint8), number / 10)
    return tmp_path


def _read(folder: Path) -> list[ImageResult]:
    return list(predict(find_sources([str(folder)]), RednessClassifier(), detector=BrightDetector()))


def test_predict__has_a_row_for_every_face_and_for_every_frame_without(folder: Path):
    results = _read(folder)
    assert [result.source.path.name for result in results] == ["a.png", "b.png", "c.png", "d.jpg"] + ["e.mp4"] * 40
    statuses = [result.predictions[0].status for result in results]
    assert statuses == ["ok", "uncertain", "no_face", "unreadable"] + ["ok"] * 30 + ["no_face"] * 10
    first, second = results[0].predictions[0], results[1].predictions[0]
    assert (first.label, first.face, first.frame, first.time_s) == ("surprise", 0, None, None)
    assert second.label == "fear"
    assert second.detail == "probability 60 % is below the model's threshold of 70 %"
    assert "not a picture" in (results[3].predictions[0].detail or "")
    frames = [result.predictions[0] for result in results[4:]]
    assert [frame.frame for frame in frames] == list(range(40))
    np.testing.assert_allclose([frame.time_s or 0 for frame in frames], np.arange(40) / 10, atol=1e-4)


def test_predict__marks_a_small_face_and_keeps_its_prediction(folder: Path):
    (result,) = predict(
        find_sources([str(folder / "a.png")]),
        RednessClassifier(),
        detector=BrightDetector(),
        options=PredictOptions(min_reliable_px=45),
    )  # the face has a box of 40 x 50: a side of 44.7
    (face,) = result.faces
    assert (face.status, face.label, face.is_doubtful) == ("too_small", "surprise", True)
    assert face.detail == "face size 44.7 px is below the minimum reliable size of 45 px"


def test_predict__marks_a_low_detection_score(folder: Path):
    class Unsure(BrightDetector):
        def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
            return [[replace(FACE, score=0.89)] for _ in frames]

    (result,) = predict(find_sources([str(folder / "a.png")]), RednessClassifier(), detector=Unsure())
    (face,) = result.faces
    assert (face.status, face.label) == ("uncertain", "surprise")
    assert face.detail == "detection score 0.89 is below 0.9: this may not be a face"


def test_predict__has_a_row_for_a_frame_that_cannot_be_decoded(tmp_path: Path, damaged_clip: DamagedClip):
    damaged_clip(tmp_path / "a.mp4", broken=(20, 21))
    results = _read(tmp_path)
    rows = [result.predictions[0] for result in results]
    assert [row.frame for row in rows] == list(range(40))
    assert [row.frame for row in rows if row.status == "decode_error"] == [20, 21]
    np.testing.assert_allclose([row.time_s or 0 for row in rows], np.arange(40) / 10, atol=1e-4)


def test_predict__estimates_the_total_from_the_size_of_files(folder: Path):
    for name in ("f.mp4", "g.mp4"):
        (folder / name).write_bytes((folder / "e.mp4").read_bytes())
    calls: list[tuple[int, int | None, str]] = []
    sources = find_sources([str(folder)])
    list(predict(sources, RednessClassifier(), detector=BrightDetector(), progress=lambda *what: calls.append(what)))
    assert calls[0][1:] == (124, "e.mp4")  # four pictures and three clips of 40 frames, two of which nobody has opened


def test_predict__decodes_few_frames_ahead(folder: Path):
    detector = BrightDetector()
    results = predict(find_sources([str(folder / "e.mp4")]), RednessClassifier(), detector=detector)
    next(results)
    assert detector.batches == [16]  # nothing beyond the first batch was read
    assert sum(1 for _ in results) == 39
    assert detector.batches == [16, 16, 8]


def test_predict__reports_a_video_that_breaks_off_after_its_frames(tmp_path: Path):
    noise = np.random.default_rng(0)
    with VideoWriter(tmp_path / "cut.mp4") as writer:
        for number in range(60):
            writer.write(noise.integers(0, 256, (80, 90, 3), dtype=np.uint8), number / 25)
    path = tmp_path / "cut.mp4"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    results = _read(tmp_path)
    assert all(result.rgb is not None for result in results[:-1])
    assert len(results) > 10
    last = results[-1].predictions[0]
    assert (last.status, last.frame) == ("unreadable", None)
    assert "cut off" in (last.detail or "")


def test_predict__reports_progress_and_stages(folder: Path):
    calls: list[tuple[int, int | None, str]] = []
    watch = Stopwatch()
    list(
        predict(
            find_sources([str(folder)]),
            RednessClassifier(),
            detector=BrightDetector(),
            watch=watch,
            progress=lambda *what: calls.append(what),
        )
    )
    assert calls[-1] == (44, 44, "e.mp4")
    assert list(watch.seconds) == ["decode", "detect", "align", "classify", "track"]


class LeftAndRight:
    """Finds two faces, the larger one changing sides, so that their order in a frame changes."""

    def __init__(self) -> None:
        self.searched = 0
        self.smallest: list[int | None] = []

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        self.searched += len(frames)
        self.smallest.append(min_face_px)
        both = [_face_at(20), _face_at(120)]
        return [both if frame[0, 0, 0] < 100 else both[::-1] for frame in frames]


def _face_at(x: float) -> Face:
    return Face((x, 20, x + 40, 60), 0.9, ((x + 12, 35), (x + 28, 35), (x + 20, 42), (x + 13, 50), (x + 27, 50)))


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A clip of 20 frames of noise with a red half and a blue half, whose corner flickers."""
    still = np.random.default_rng(0).integers(40, 90, (80, 180, 3), dtype=np.uint8)
    still[:, :90, 0] += 120
    still[:, 90:, 2] += 120
    with VideoWriter(tmp_path / "pair.mp4", crf=10) as writer:
        for number in range(20):
            still[:8, :8] = 255 if number % 2 else 0
            writer.write(still, number / 10)
    return tmp_path / "pair.mp4"


def _tracked(path: Path, **options: object) -> tuple[list[ImageResult], LeftAndRight]:
    detector = LeftAndRight()
    settings = PredictOptions(**options)  # type: ignore[arg-type]
    return list(predict(find_sources([str(path)]), RednessClassifier(), detector=detector, options=settings)), detector


def test_predict__keeps_the_track_of_a_person(pair: Path):
    results, detector = _tracked(pair)
    for result in results:
        sides = {face.track: face.detection.box_xyxy[0] for face in result.predictions if face.detection}
        assert sides == {1: 20, 2: 120}
    assert set(detector.smallest) == {DetectConfig.video_min_face_px}
    untracked, _ = _tracked(pair, track=False)
    assert {face.track for result in untracked for face in result.predictions} == {None}


def test_predict__detects_in_every_nth_frame_and_moves_faces_in_between(pair: Path):
    results, detector = _tracked(pair, detect_every=4)
    assert detector.searched == 5
    assert [result.predictions[0].detected for result in results] == [number % 4 == 0 for number in range(20)]
    for result in results:
        corners = sorted(face.detection.box_xyxy[0] for face in result.predictions if face.detection)
        np.testing.assert_allclose(corners, [20, 120], atol=1.0)


def test_predict__states_the_smoothing(tmp_path: Path):
    blocks = np.random.default_rng(0).integers(0, 190, (10, 10, 1), dtype=np.uint8)
    pattern = blocks.repeat(8, axis=0).repeat(9, axis=1).repeat(3, axis=2)
    with VideoWriter(tmp_path / "turn.mp4") as writer:
        for number in range(20):
            frame = pattern + np.uint8((20, 0, 0) if number < 10 else (0, 0, 20))  # the same face: no cut
            writer.write(frame, number / 10)
    sources = find_sources([str(tmp_path)])
    options = PredictOptions(smooth_s=0.5)
    results = list(predict(sources, RednessClassifier(), detector=BrightDetector(), options=options))
    surprise = [result.predictions[0].probabilities["surprise"] for result in results]  # type: ignore[index]
    assert {result.predictions[0].smoothing_s for result in results} == {0.5}
    assert surprise[:10] == pytest.approx([0.9] * 10)
    away = 0.4 / 6
    assert surprise[14] == pytest.approx(away + (0.9 - away) * np.exp(-1), abs=1e-6)


def _half_red() -> Rgb:
    """Blue on the left, red on the right."""
    rgb = np.zeros((80, 160, 3), np.uint8)
    rgb[:, :80, 2] = rgb[:, 80:, 0] = 200
    return rgb


def test_given_boxes__are_classified_in_their_order_without_a_detector(tmp_path: Path):
    write_image(tmp_path / "a.png", _half_red())
    given = FacesByFrame({None: [(10, 10, 60, 70), (90, 10, 140, 70), (100, 20, 110, 30)]})
    options = PredictOptions(boxes="given", min_reliable_px=20)
    (result,) = predict(
        find_sources([str(tmp_path / "a.png")]), RednessClassifier(), detector=None, options=options, given=given
    )
    assert [(face.label, face.status) for face in result.faces] == [
        (NAMES[1], "uncertain"),  # by the card's threshold of 0.7
        (NAMES[0], "ok"),
        (NAMES[0], "too_small"),
    ]
    assert result.faces[0].box_xyxy == (10, 10, 60, 70)
    assert result.faces[0].detection == Face((10, 10, 60, 70), None, None)


class PreciseDetector:
    """Finds one face, with more digits than tables have."""

    device = "cpu"

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        points = tuple((x + 0.00444, y - 0.00333) for x, y in FACE.landmarks or ())
        return [[Face((10.00123, 10.00456, 50.00678, 60.00499), 0.899967, points)] for _ in frames]  # type: ignore[arg-type]


class SumClassifier(RednessClassifier):
    """Probabilities that change with every pixel."""

    def classify(self, crops: np.ndarray) -> np.ndarray:
        first = np.array([0.5 + int(crop.sum()) % 9973 / 20000 for crop in crops], np.float32)
        return np.column_stack([first, *[(1 - first) / 6] * 6])


def test_given_boxes__from_a_table_give_the_predictions_of_the_table(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 255, (80, 90, 3), dtype=np.uint8)
    write_image(tmp_path / "a.png", noise)
    sources = find_sources([str(tmp_path / "a.png")])
    (detected,) = predict(sources, SumClassifier(), detector=PreciseDetector())
    table = tmp_path / "table.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([column.name for column in columns(NAMES)])
        rows.writerow(prediction_row(detected.predictions[0], NAMES))
    options = PredictOptions(boxes="given")
    (again,) = predict(sources, SumClassifier(), detector=None, options=options, given=read_boxes(table))
    assert again.to_dict() == detected.to_dict()


def test_given_boxes__outside_of_the_picture_and_beyond_the_video_are_errors(tmp_path: Path):
    with VideoWriter(tmp_path / "a.mp4") as writer:
        for number in range(3):
            writer.write(_half_red(), number / 10)
    given = FacesByFrame({0: [(10, 10, 60, 70)], 1: [(200, 10, 260, 70)], 5: [(10, 10, 60, 70)]})
    options = PredictOptions(boxes="given")
    sources = find_sources([str(tmp_path / "a.mp4")])
    results = list(predict(sources, RednessClassifier(), detector=None, options=options, given=given))
    assert [(result.frame, len(result.faces)) for result in results] == [(0, 1), (1, 0), (2, 0), (None, 0)]
    assert results[0].faces[0].track == 1
    assert results[1].predictions[0].status == "decode_error"
    assert results[1].fault == "boxes of frame 1, face 0: the face is outside of the 160 x 80 pixels"
    assert results[2].predictions[0].detail == "no face given"
    assert results[3].fault == "boxes: frame 5 does not exist, the last one is 2"


def test_crops__are_classified_whole(tmp_path: Path):
    write_image(tmp_path / "a.png", _half_red()[:, 80:])
    write_image(tmp_path / "b.png", _half_red()[:30, :30])
    options = PredictOptions(crops=True)
    first, second = predict(find_sources([str(tmp_path)]), RednessClassifier(), detector=None, options=options)
    assert (first.faces[0].label, first.faces[0].box_xyxy) == (NAMES[0], (0, 0, 80, 80))
    assert (second.faces[0].label, second.faces[0].box_xyxy) == (NAMES[1], (0, 0, 30, 30))
    assert first.faces[0].detection == Face((0, 0, 80, 80), None, None)


@pytest.mark.parametrize(
    "options", [{"boxes": "x", "crops": True}, {"boxes": "x", "detect_every": 2}, {"crops": True, "detect_every": 2}]
)
def test_options__refuse_detection_where_nothing_is_detected(options: dict[str, object]):
    with pytest.raises(UsageError, match=r"crops have no boxes|nothing is detected"):
        PredictOptions(**options)
