"""Positions of labels."""

from __future__ import annotations

from fercli.predict.label_layout import label_position, overlap, panel_position

PICTURE = (200, 100)
LONG, SHORT = (80.0, 10.0), (30.0, 10.0)


def test_label_position__is_above_a_face_that_has_room_there():
    assert label_position((50, 40, 90, 80), [LONG, SHORT], picture_wh=PICTURE, labels=[], faces=[]) == (
        0,
        (50, 30, 130, 40),
    )


def test_label_position__moves_below_at_the_upper_border_and_into_the_picture_at_the_right():
    index, rect = label_position((170, 2, 198, 40), [LONG, SHORT], picture_wh=PICTURE, labels=[], faces=[])
    assert (index, rect) == (0, (120, 40, 200, 50))


def test_label_position__takes_the_short_form_where_the_long_one_would_cover_a_face():
    neighbours = [(0, 0, 49, 100), (91, 0, 200, 100)]  # a face in a row of faces
    index, rect = label_position((55, 40, 85, 80), [LONG, SHORT], picture_wh=PICTURE, labels=[], faces=neighbours)
    assert (index, rect) == (1, (55, 30, 85, 40))


def test_label_position__covers_a_face_before_a_label():
    everywhere = [(0, 0, 200, 100)]
    _, rect = label_position((50, 40, 90, 80), [LONG], picture_wh=PICTURE, labels=[(40, 20, 140, 40)], faces=everywhere)
    assert not overlap(rect, (40, 20, 140, 40))


def test_panel_position__is_right_or_left_or_none():
    panel = (60.0, 40.0)
    right = panel_position((20, 40, 60, 80), panel, picture_wh=PICTURE, taken=[])
    left = panel_position((120, 40, 160, 80), panel, picture_wh=PICTURE, taken=[])
    assert right is not None
    assert left is not None
    assert right[0] >= 60
    assert left[2] <= 120
    assert panel_position((70, 40, 150, 80), panel, picture_wh=PICTURE, taken=[(20, 50, 60, 60)]) is None
