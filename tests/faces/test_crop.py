"""Aligned crops: landmarks where the template wants them, without aliasing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fercli.config.templates import template
from fercli.faces.crop import box_of, crop_face, landmarks_of, letterbox, resize_crop, warp
from fercli.faces.geometry import transform_points
from fercli.results import Face

IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])


def test_crop_face__moves_every_landmark_to_the_template():
    # a face three times as large, turned by a right angle: (x, y) of the template lies at (400 - 3 y, 3 x + 20)
    wanted = template("arcface").points_px(112)
    landmarks = np.column_stack([400 - 3 * wanted[:, 1], 3 * wanted[:, 0] + 20])
    picture = np.zeros((400, 400, 3), np.uint8)
    for x, y in landmarks:
        cv2.circle(picture, (round(x - 0.5), round(y - 0.5)), 5, (255, 255, 255), -1)
    crop, matrix = crop_face(picture, landmarks, template("arcface"), 112)
    np.testing.assert_allclose(transform_points(matrix, landmarks), wanted, atol=1e-6)
    count, _, _, centres = cv2.connectedComponentsWithStats((crop[..., 0] > 100).astype(np.uint8))
    found = sorted((centres[1:] + 0.5).tolist())  # from pixel numbers to continuous coordinates
    assert count == 6
    np.testing.assert_allclose(found, sorted(wanted.tolist()), atol=0.5)


def test_warp__identity_returns_the_picture(astronaut: np.ndarray):
    np.testing.assert_array_equal(warp(astronaut, IDENTITY, 512), astronaut)


def test_warp__moves_by_whole_pixels(astronaut: np.ndarray):
    moved = warp(astronaut, np.array([[1.0, 0, -100], [0, 1, -50]]), 64)
    np.testing.assert_array_equal(moved, astronaut[50:114, 100:164])


def test_warp__shrinks_as_area_averaging_does(astronaut: np.ndarray):
    # 512 to 64: every pixel is the mean of 8 x 8, which is what OpenCV's area interpolation computes
    shrunk = warp(astronaut, IDENTITY / 8, 64)
    expected = cv2.resize(astronaut, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk.astype(int) - expected).max() <= 1


def test_warp__does_not_alias():
    # a chessboard of single pixels is grey from afar; plain bilinear sampling would show black and white
    board = np.indices((400, 400)).sum(axis=0) % 2 * np.uint8(255)
    small = warp(np.repeat(board[..., None], 3, axis=2).astype(np.uint8), IDENTITY * 0.31, 100)
    assert np.abs(small.astype(int) - 127).max() < 25


def test_warp__repeats_the_edge_outside_the_picture():
    picture = np.full((10, 10, 3), 200, np.uint8)
    assert (warp(picture, np.array([[1.0, 0, 5], [0, 1, 5]]), 20) == 200).all()


def test_warp__shows_the_same_region_shrunk_or_enlarged(astronaut: np.ndarray):
    # a shift by half a pixel between the two ways would move edges by that much
    matrix = np.array([[0.999, 0, -90.3], [0, 0.999, -40.7]])
    nearly_one = warp(astronaut, matrix, 128).astype(int)
    above_one = warp(astronaut, matrix * 1.002, 128).astype(int)
    assert np.abs(nearly_one - above_one).mean() < 6


def test_letterbox__centres_and_pads(astronaut: np.ndarray):
    crop, matrix = letterbox(astronaut[:256], 64)
    np.testing.assert_allclose(matrix, [[0.125, 0, 0], [0, 0.125, 16]])
    assert crop.shape == (64, 64, 3)


def test_landmarks_of__a_box_are_upright_in_the_square_of_its_area():
    # 80 x 100 around (140, 130): the square of the same area has a side of 89.44; the eyes are 0.414 of it apart
    points = landmarks_of(Face((100.0, 80.0, 180.0, 180.0), None, None))
    left_eye, right_eye, nose, *_ = points
    assert left_eye[1] == right_eye[1] < 130 < nose[1]
    assert nose[0] == 140
    assert right_eye[0] - left_eye[0] == pytest.approx(0.414 * 89.44, abs=0.01)
    np.testing.assert_allclose(box_of(points), (95.28, 85.28, 184.72, 174.72), atol=0.01)
    turned = [(140 - (y - 130), 130 + (x - 140)) for x, y in points]  # a quarter turn: its square is the same
    np.testing.assert_allclose(box_of(turned), (95.28, 85.28, 184.72, 174.72), atol=0.01)
    assert landmarks_of(Face((0, 0, 9, 9), 0.9, points)) == points


def test_landmarks_of__a_detected_box_are_near_the_real_ones(astronaut: np.ndarray):
    # eyes, nose and mouth of the face, by eye in the picture
    seen = np.array([(203.0, 110.0), (244.0, 112.0), (226.0, 134.0), (206.0, 150.0), (243.0, 151.0)])
    box_wh = 100.0, 130.0
    box = (225 - 50.0, 125 - 65.0, 225 + 50.0, 125 + 65.0)
    distance = np.linalg.norm(np.array(landmarks_of(Face(box, None, None))) - seen, axis=1)
    assert distance.max() < 0.15 * max(box_wh)


def test_resize_crop__stretches_to_a_square_without_aliasing():
    fine = np.zeros((96, 192, 3), np.uint8)
    fine[:, ::2] = 200  # lines of a pixel
    assert resize_crop(fine, 48).shape == (48, 48, 3)
    assert set(np.unique(resize_crop(fine, 48))) == {100}
