"""Transforms between points, against values by hand and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.config.templates import template
from fercli.faces.geometry import invert, letterbox_transform, similarity_transform, transform_points

FIVE = np.array([[10.0, 10], [30, 12], [20, 22], [12, 33], [29, 34]])


def test_similarity_transform__finds_a_known_one_exactly():
    angle, scale, shift = np.deg2rad(30), 2.5, np.array([7.0, -3.0])
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = similarity_transform(FIVE, FIVE @ linear.T + shift)
    np.testing.assert_allclose(matrix, np.column_stack([linear, shift]), atol=1e-9)


def test_similarity_transform__equals_scikit_image_on_points_that_do_not_fit():
    from skimage.transform import SimilarityTransform

    target = template("arcface").points_px(112)
    noisy = FIVE + np.random.default_rng(0).normal(0, 2, FIVE.shape)
    expected = SimilarityTransform.from_estimate(noisy, target)
    np.testing.assert_allclose(similarity_transform(noisy, target), expected.params[:2], atol=1e-8)


def test_similarity_transform__never_mirrors():
    # mirrored points: the best transform without reflection has a positive determinant
    matrix = similarity_transform(FIVE, FIVE * [-1, 1])
    assert np.linalg.det(matrix[:, :2]) > 0


def test_similarity_transform__refuses_points_that_coincide():
    with pytest.raises(ValueError, match="coincide"):
        similarity_transform(np.ones((5, 2)), FIVE)


def test_letterbox_transform__puts_a_wide_picture_in_the_middle():
    # 200 x 100 into 50: scale 0.25, 25 px high, 12.5 px free above
    np.testing.assert_allclose(letterbox_transform(200, 100, 50), [[0.25, 0, 0], [0, 0.25, 12.5]])


def test_invert__undoes_apply():
    matrix = similarity_transform(FIVE, template("fer2013").points_px(96))
    np.testing.assert_allclose(transform_points(invert(matrix), transform_points(matrix, FIVE)), FIVE, atol=1e-9)
