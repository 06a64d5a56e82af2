"""Crop templates by name, with and without a margin."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.config.templates import template
from fercli.errors import UsageError


def test_template__with_a_margin_has_its_points_nearer_the_middle():
    # a quarter of the side more on every side: 0.5 stays, 0 moves to 0.25 / 1.5
    plain, wide = template("fer2013"), template("fer2013+0.25")
    assert wide.name == "fer2013+0.25"
    assert wide.points[2] == pytest.approx(((24 / 48 + 0.25) / 1.5, (28.8 / 48 + 0.25) / 1.5))
    assert plain.with_margin(0.0) is plain


@pytest.mark.parametrize("name", ["nope", "arcface+x", "nope+0.1", ""])
def test_template__refuses_an_unknown_name(name: str):
    with pytest.raises(UsageError, match="unknown crop template"):
        template(name)


def test_points_px__are_arcface_s_at_112_and_twice_that_at_224():
    points = template("arcface").points_px(112)
    np.testing.assert_allclose(points[0], [38.2946, 51.6963])
    np.testing.assert_allclose(template("arcface").points_px(224), 2 * points)


def test_points_px__margin_shows_the_template_smaller_and_centred():
    # a margin of 0.25 on every side: the template takes 1 / 1.5 of the crop and starts at 0.25 / 1.5
    points = template("arcface").points_px(150, margin=0.25)
    np.testing.assert_allclose(points, 25 + template("arcface").points_px(100))
