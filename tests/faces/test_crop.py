"""Aligned crops: landmarks where the template wants them, without aliasing."""

from __future__ import annotations

import cv2
import numpy as np

from fercli.config.templates import template
from fercli.faces.crop import crop_face, crop_whole, warp
from fercli.faces.geometry import apply

IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])


def test_crop_face__moves_every_landmark_to_the_template():
    # a face three times as large, turned by a right angle: (x, y) of the template lies at (400 - 3 y, 3 x + 20)
    wanted = template("arcface").points_px(112)
    landmarks = np.column_stack([400 - 3 * wanted[:, 1], 3 * wanted[:, 0] + 20])
    picture = np.zeros((400, 400, 3), np.uint8)
    for x, y in landmarks:
        cv2.circle(picture, (round(x - 0.5), round(y - 0.5)), 5, (255, 255, 255), -1)
    crop, matrix = crop_face(picture, landmarks, template("arcface"), 112)
    np.testing.assert_allclose(apply(matrix, landmarks), wanted, atol=1e-6)
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


def test_crop_whole__centres_and_pads(astronaut: np.ndarray):
    crop, matrix = crop_whole(astronaut[:256], 64)
    np.testing.assert_allclose(matrix, [[0.125, 0, 0], [0, 0.125, 16]])
    assert crop.shape == (64, 64, 3)
