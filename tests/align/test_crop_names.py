"""Names of crops: the picture's own where it is free."""

from __future__ import annotations

import pytest

from fercli.align.crop_names import CropNames


@pytest.mark.parametrize(
    ("picture", "first", "further"),
    [
        ("a/b.png", "a/b.png", "a/b-face2.png"),
        ("a/b.JPG", "a/b.JPG", "a/b-face2.JPG"),
        ("a/b.gif", "a/b.gif.png", "a/b.gif-face2.png"),
    ],
)
def test_names__are_those_of_the_pictures(picture: str, first: str, further: str):
    names = CropNames([picture])
    assert (names.first(picture), names.further(picture, 2)) == (first, further)


def test_names__end_in_the_stem_suffix():
    names = CropNames(["x.jpg"], stem_suffix="_aligned")
    assert (names.first("x.jpg"), names.further("x.jpg", 1)) == ("x_aligned.jpg", "x_aligned-face1.jpg")


def test_names__avoid_paths_that_are_taken():
    pictures = ["a-face1.jpg", "a.jpg", "c.gif", "c.gif.png"]
    names = CropNames(pictures, taken=["a.jpg", "a-2-face1.jpg"])
    assert [names.first(picture) for picture in pictures] == ["a-face1.jpg", "a-2.jpg", "c.gif.png", "c.gif-2.png"]
    assert names.further("a.jpg", 1) == "a-2-face1-2.jpg"


def test_names__are_those_that_every_system_accepts_and_tells_apart():
    pictures = ["a.jpg", "A.JPG", "day 1:2/what?.png", "con.png"]
    names = CropNames(pictures)
    assert [names.first(picture) for picture in pictures] == ["a.jpg", "A-2.JPG", "day 1_2/what_.png", "con_.png"]
