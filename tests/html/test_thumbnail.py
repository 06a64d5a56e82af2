"""Small pictures of faces."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fercli.html.thumbnail import face_jpeg, picture_jpeg


def _decoded(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize("size", [40, 400])
def test_face_jpeg__has_the_face_in_the_middle_and_some_room_around(size: int):
    picture = np.zeros((3 * size, 3 * size, 3), np.uint8)
    picture[size : 2 * size, size : 2 * size] = (250, 40, 40)
    small = _decoded(face_jpeg(picture, (size, size, 2 * size, 2 * size), side=112)).astype(int)
    assert small.shape == (112, 112, 3)
    red = small[..., 0] > 125
    assert red[56, 56]
    assert red[56].sum() == pytest.approx(112 / 1.4, abs=3)  # 20 % of the box on each side
    assert red[:, 56].sum() == pytest.approx(112 / 1.4, abs=3)


def test_face_jpeg__takes_a_box_that_reaches_out_of_the_picture():
    picture = np.full((50, 60, 3), 90, np.uint8)
    for box in (
        (-40.0, -40.0, 20.0, 20.0),
        (40.0, 30.0, 90.0, 99.0),
        (-500.0, -400.0, 900.0, 700.0),
        (5.0, 5.0, 5.0, 5.0),
    ):
        np.testing.assert_allclose(_decoded(face_jpeg(picture, box)), 90, atol=3)


def test_face_jpeg__does_not_squash_a_face_at_the_border():
    picture = np.zeros((900, 900, 3), np.uint8)
    cv2.circle(picture, (150, 450), 100, (255, 255, 255), -1)
    white = (
        _decoded(face_jpeg(picture, (-150.0, 150.0, 450.0, 750.0)))[..., 0] > 125
    )  # 210 px of its square lie outside
    assert white.any(axis=0).sum() == pytest.approx(white.any(axis=1).sum(), abs=1)
    assert np.flatnonzero(white.any(axis=0)).mean() == pytest.approx(55.5, abs=1.5)


def test_picture_jpeg__keeps_the_shape_and_enlarges_nothing():
    assert _decoded(picture_jpeg(np.zeros((500, 1000, 3), np.uint8), longest=100)).shape == (50, 100, 3)
    assert _decoded(picture_jpeg(np.zeros((5, 1000, 3), np.uint8), longest=100)).shape == (1, 100, 3)
    assert _decoded(picture_jpeg(np.zeros((20, 10, 3), np.uint8), longest=100)).shape == (20, 10, 3)
