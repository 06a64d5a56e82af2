"""Box arithmetic, by hand."""

from __future__ import annotations

import numpy as np

from fercli.faces.boxes import pixels_inside, regress, squared, suppress_by_minimum

BOX = np.array([[10, 20, 30, 60]], np.float32)


def test_regress__moves_by_fractions_of_the_side():
    offsets = np.array([[0.1, -0.1, 0.5, 0]], np.float32)
    np.testing.assert_allclose(regress(BOX, offsets, inclusive=False), [[12, 16, 40, 60]])
    np.testing.assert_allclose(regress(BOX, offsets, inclusive=True), [[12.1, 15.9, 40.5, 60]])


def test_squared__keeps_the_centre():
    np.testing.assert_allclose(squared(BOX), [[0, 20, 40, 60]])
    assert squared(BOX[:0]).shape == (0, 4)


def test_pixels_inside__counts_from_one_as_mtcnn_does():
    boxes = np.array([[-5.7, 0.2, 12.9, 8.9], [3, 4, 500, 400], [90, 2, 80, 9]], np.float32)
    np.testing.assert_array_equal(pixels_inside(boxes, 100, 50), [[0, 0, 12, 8], [2, 3, 100, 50], [89, 1, 80, 9]])


def test_suppress_by_minimum__drops_a_box_inside_another():
    boxes = np.array([[0, 0, 99, 99], [20, 20, 49, 49], [90, 90, 189, 189]], np.float32)
    np.testing.assert_array_equal(suppress_by_minimum(boxes, np.array([0.8, 0.9, 0.7], np.float32), 0.7), [1, 2])
    assert suppress_by_minimum(boxes[:0], np.zeros(0, np.float32), 0.7).shape == (0,)
