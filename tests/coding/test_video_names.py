"""Names of videos: without suffix, with folders where a name occurs twice."""

from __future__ import annotations

import pytest

from fercli.coding.video_names import common_end, short_names


def test_short_names__have_folders_where_names_occur_twice():
    assert short_names(["in/a.mp4", "in/b.mov"]) == ["a", "b"]
    assert short_names(["s/P01/day1.mp4", "s/P02/day1.mp4", "x.mp4"]) == ["P01_day1", "P02_day1", "x"]
    assert short_names(["1/x/a.mp4", "2/x/a.mov"]) == ["1_x_a", "2_x_a"]


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("clips/a.mp4", "C:\\videos\\A.mov", 1),
        ("s/P01/day1.mp4", "../P01/day1.mp4", 2),
        ("s/P01/day1.mp4", "P01_day1", 2),
        ("a.mp4", "b.mp4", 0),
        ('x/A "1".mp4', "A _1_", 1),
    ],
)
def test_common_end__counts_equal_parts(one: str, other: str, common: int):
    assert common_end(one, other) == common_end(other, one) == common
