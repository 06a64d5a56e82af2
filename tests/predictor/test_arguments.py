"""What the Python interface refuses, by type and range, and the kinds of numbers, paths and pictures that it takes."""

from __future__ import annotations

import io
import os
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fercli.errors import UsageError
from fercli.media.images import write_image
from fercli.predictor import Predictor

BRIGHT = np.full((80, 90, 3), 99, np.uint8)


class Tensor:
    """Stands in for torch's."""


Tensor.__module__ = "torch"


@pytest.mark.parametrize(
    ("given", "message", "fix"),
    [
        (None, "not NoneType", "cv2.imread"),
        ([[1, 2], [3, 4]], "not list", "np.asarray"),
        (Tensor(), "not torch.Tensor", "permute"),
        (5, "not int", "np.asarray"),
        ("data:image/jpeg;base64," + "A" * 10_000, "a data: URL", "b64decode"),
        ("A" * 5_000, "5,000 characters", "b64decode"),
        (Image.new("RGB", (0, 10)), "0 x 10 pixels", "size"),
    ],
)
def test_image__refuses_the_rest_by_type(given: Any, message: str, fix: str, predictor: Predictor):
    for call in (lambda: predictor.image(given), lambda: list(predictor.images([BRIGHT, given]))):
        with pytest.raises(UsageError, match=message) as refused:
            call()
        assert fix in refused.value.fix
        assert len(refused.value.message) < 150


@pytest.mark.parametrize("fps", [0, -5, float("nan"), float("inf"), "25", True])
def test_video__refuses_rates_that_are_none(fps: Any, predictor: Predictor):
    with pytest.raises(UsageError, match="fps is"):
        predictor.video([BRIGHT], fps=fps)


@pytest.mark.parametrize(
    "times", [(float("nan"), 0.1), (0.0, float("inf")), (5.0, 0.1), (-1.0, 0.0), ("0", "1"), (None, None)]
)
def test_video__refuses_times_that_are_not_in_order(times: tuple[Any, Any], predictor: Predictor):
    with pytest.raises(UsageError, match="frame"):
        list(predictor.video([(time_s, BRIGHT) for time_s in times]))


@pytest.mark.parametrize("given", [None, True, b"abc", BRIGHT, 2.5])
def test_video__refuses_what_is_no_video(given: Any, predictor: Predictor):
    with pytest.raises(UsageError, match="a video is"):
        predictor.video(given, fps=25)


@pytest.mark.parametrize(
    "options",
    [
        {"thresholds": (0.6, 0.7)},
        {"thresholds": (0.6, 0.7, 7)},
        {"thresholds": (0.6, 0.7, float("nan"))},
        {"thresholds": 0.7},
        {"thresholds": ("a", "b", "c")},
        {"max_side": 0},
        {"max_side": "1600"},
        {"min_face_px": 0},
        {"min_face_px": -3},
        {"min_face_px": float("nan")},
        {"min_face_px": "20"},
        {"min_reliable_px": -1},
        {"min_reliable_px": float("nan")},
        {"flip": "no"},
        {"device": 0},
        {"weights": 5},
        {"prior": [0.5, 0.5]},
    ],
)
@pytest.mark.usefixtures("fake_networks")
def test_predictor__checks_its_options(options: dict[str, Any]):
    with pytest.raises(UsageError):
        Predictor(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"smooth_s": float("nan")},
        {"smooth_s": -1},
        {"detect_every": 1.5},
        {"detect_every": 0},
        {"track": "no"},
        {"crops": "yes"},
        {"start_s": "0:10"},
        {"start_s": None},
        {"start_s": -1},
        {"end_s": "1"},
        {"end_s": 0},
        {"boxes": [[[10, 10, 50, 60]]]},
        {"boxes": np.array([[10, 10, 50, 60]])},
        {"boxes": {"0": [[10, 10, 50, 60]]}},
        {"boxes": {-1: [[10, 10, 50, 60]]}},
        {"boxes": {0: [["a", "b", "c", "d"]]}},
        {"boxes": {0: [[10, 10], [50, 60, 70]]}},
    ],
)
def test_video__checks_its_options(options: dict[str, Any], predictor: Predictor):
    with pytest.raises(UsageError):
        predictor.video([BRIGHT], fps=25, **options)


@pytest.mark.parametrize("boxes", [[["a", "b", "c", "d"]], [[10, 10], [50, 60, 70]], {0: [[10, 10, 50, 60]]}])
def test_image__refuses_boxes_of_another_type(boxes: Any, predictor: Predictor):
    with pytest.raises(UsageError, match="boxes"):
        predictor.image(BRIGHT, boxes=boxes)
    with pytest.raises(UsageError, match="one array for each picture"):
        predictor.images([BRIGHT], boxes=5)  # type: ignore[arg-type]


@pytest.mark.usefixtures("fake_networks")
def test_predictor__takes_thresholds_as_an_array():
    assert Predictor(thresholds=np.array([0.5, 0.6, 0.7])).image(BRIGHT).faces


def test_video__takes_rates_and_times_as_fractions_and_decimals(predictor: Predictor):
    ntsc = [result.time_s for result in predictor.video([BRIGHT] * 3, fps=Fraction(30_000, 1_001))]  # type: ignore[arg-type]
    assert ntsc == pytest.approx([0, 1_001 / 30_000, 2_002 / 30_000])
    frames = [(Decimal("0.5"), BRIGHT), (Fraction(3, 4), BRIGHT), (np.float32(1), BRIGHT)]
    results = predictor.video(frames, start_s=Fraction(3, 4), end_s=Decimal(1))  # type: ignore[arg-type]
    assert [result.time_s for result in results] == [0.75]


def test_video__refuses_a_start_after_the_last_frame(predictor: Predictor):
    with pytest.raises(UsageError, match=r"last frame is shown at 0\.1 s, before the start at 5 s"):
        list(predictor.video([(0.0, BRIGHT), (0.1, BRIGHT)], start_s=5))


def test_image__takes_the_path_of_a_path_object_not_its_text(predictor: Predictor, tmp_path: Path):
    write_image(tmp_path / "a.png", BRIGHT)
    with os.scandir(tmp_path) as entries:
        (entry,) = entries
    assert "DirEntry" in str(entry)
    assert predictor.image(entry).faces
    assert [result.fault for result in predictor.images([entry])] == [None]


def test_image__reads_a_pil_picture_whose_file_lacks_its_end_marker(predictor: Predictor, tmp_path: Path):
    whole = io.BytesIO()
    Image.fromarray(BRIGHT).save(whole, "JPEG")
    (tmp_path / "a.jpg").write_bytes(whole.getvalue()[:-2])
    by_path = predictor.image(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as picture:
        by_pil = predictor.image(picture)
    np.testing.assert_array_equal(by_pil.rgb, by_path.rgb)
    assert by_pil.rgb is not None
    assert by_pil.rgb.shape == BRIGHT.shape
