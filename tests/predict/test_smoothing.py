"""Averages along a track that do not depend on the frame rate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fercli.predict.smoothing import Smoother

CALM, GLAD = np.array([1.0, 0.0]), np.array([0.0, 1.0])


@pytest.mark.parametrize("fps", [10, 30, 100])
def test_smoother__brings_a_change_to_63_percent_after_its_time_constant(fps: int):
    smoother = Smoother(0.5)
    smoother.smooth(0, 0.0, CALM)
    values = CALM
    for number in range(1, fps // 2 + 1):
        values = smoother.smooth(0, number / fps, GLAD)
    np.testing.assert_allclose(values, [math.exp(-1), 1 - math.exp(-1)], rtol=1e-9)


def test_smoother__begins_with_the_first_value_and_keeps_tracks_apart():
    smoother = Smoother(1.0)
    np.testing.assert_array_equal(smoother.smooth(3, 5.0, GLAD), GLAD)
    np.testing.assert_array_equal(smoother.smooth(4, 5.1, CALM), CALM)


def test_smoother__refuses_a_time_constant_of_zero():
    with pytest.raises(ValueError, match="must be positive"):
        Smoother(0.0)
