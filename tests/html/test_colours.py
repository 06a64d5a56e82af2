"""Colours of expressions and tracks."""

from __future__ import annotations

from fercli.config.labels import schema
from fercli.html.colours import css_colour, expression_colour, ink_on, track_colour


def test_expression_colour__does_not_depend_on_the_order_of_labels():
    labels = schema("rafdb").names
    assert expression_colour("fear", labels) == expression_colour("fear", sorted(labels))
    assert len({expression_colour(label, labels) for label in labels}) == len(labels)


def test_expression_colour__of_another_class_name_is_that_of_its_index():
    assert expression_colour("yes", ["yes", "no"]) != expression_colour("no", ["yes", "no"])


def test_track_colour__differs_clearly_between_successive_tracks():
    for track in range(20):
        first, second = track_colour(track), track_colour(track + 1)
        assert sum(abs(a - b) for a, b in zip(first, second, strict=True)) > 150


def test_ink_on__contrasts_with_the_colour():
    assert ink_on((240, 228, 66)) == (0, 0, 0)
    assert ink_on((0, 114, 178)) == (255, 255, 255)


def test_css_colour__is_hexadecimal():
    assert css_colour((0, 158, 255)) == "#009eff"
