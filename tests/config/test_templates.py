"""Crop templates by name, with and without a margin."""

from __future__ import annotations

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
def test_template__refuses_what_it_does_not_know(name: str):
    with pytest.raises(UsageError, match="unknown crop template"):
        template(name)
