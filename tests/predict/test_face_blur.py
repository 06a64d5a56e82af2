"""Blurred faces: what may be recognised and what must stay."""

from pathlib import Path

import numpy as np

from fercli.media.sources import Source
from fercli.predict.face_blur import FaceBlur
from fercli.results import Face, Prediction

CLIP = Source(Path("a.mp4"), "video", Path("a.mp4"))
OTHER = Source(Path("b.mp4"), "video", Path("b.mp4"))
FACE = Prediction("a.mp4", "ok", 0, 0.0, 0, Face((40.0, 40.0, 80.0, 90.0), 0.9, None), "a", {"a": 0.6, "b": 0.4})
NOISE = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)


def _detail(rgb: np.ndarray) -> float:
    """Mean difference of neighbouring pixels in the face."""
    face = rgb[40:90, 40:80].astype(float)
    return float(np.abs(np.diff(face, axis=1)).mean())


def test_blur__removes_the_detail_of_a_face_and_nothing_far_from_it():
    hidden = FaceBlur().blurred(CLIP, NOISE, [FACE], time_s=None)
    assert _detail(NOISE) > 50
    assert _detail(hidden) < 5
    far = np.ones((200, 200), bool)
    far[20:112, 20:102] = False  # the box with its margin
    np.testing.assert_array_equal(hidden[far], NOISE[far])
    assert not np.shares_memory(hidden, NOISE)


def test_blur__stays_for_half_a_second_where_the_detector_misses_a_face():
    blur = FaceBlur()
    blur.blurred(CLIP, NOISE, [FACE], time_s=1.0)
    assert _detail(blur.blurred(CLIP, NOISE, [], time_s=1.4)) < 5
    assert _detail(blur.blurred(CLIP, NOISE, [], time_s=1.6)) > 50


def test_blur__of_one_video_does_not_reach_into_the_next():
    blur = FaceBlur()
    blur.blurred(CLIP, NOISE, [FACE], time_s=1.0)
    assert _detail(blur.blurred(OTHER, NOISE, [], time_s=1.1)) > 50


def test_blur__faces_beyond_the_edge_are_blurred_as_far_as_they_are_visible():
    edge = Prediction("a", "ok", None, None, 0, Face((-30.0, 180.0, 20.0, 240.0), 0.9, None), "a", {"a": 0.6, "b": 0.4})
    outside = Prediction(
        "a", "ok", None, None, 0, Face((900.0, 0.0, 950.0, 60.0), 0.9, None), "a", {"a": 1.0, "b": 0.0}
    )
    hidden = FaceBlur().blurred(CLIP, NOISE, [edge, outside], time_s=None)
    assert hidden.shape == NOISE.shape
    assert float(np.abs(np.diff(hidden[185:, :15].astype(float), axis=1)).mean()) < 10
