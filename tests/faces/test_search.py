"""Which frames the detector runs on, and which faces optical flow moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fercli.faces.search import FaceSearch
from fercli.media.feed import Item
from fercli.media.images import Rgb
from fercli.media.sources import Source
from fercli.results import Face

FACE = Face((20.0, 20.0, 60.0, 60.0), 0.9, ((32, 35), (48, 35), (40, 42), (33, 50), (47, 50)))
NOISE = np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)


class OneFace:
    """Finds the face in every frame, and counts them."""

    def __init__(self) -> None:
        self.searched = 0

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        self.searched += len(frames)
        return [[FACE] for _ in frames]


def _clip(name: str, frames: int, *, lost: Sequence[int] = ()) -> list[Item]:
    source = Source(Path(name), "video", Path(name))
    return [Item(source, None if number in lost else NOISE, number, number / 10) for number in range(frames)]


def _detected(search: FaceSearch, *chunks: Sequence[Item]) -> list[list[bool]]:
    return [[seen.detected for seen in faces] for chunk in chunks for faces in search.faces(chunk)]


def test_search__detects_in_every_nth_frame_across_chunks():
    detector, clip = OneFace(), _clip("a", 7)
    found = _detected(FaceSearch(detector, every=3), clip[:2], clip[2:])
    assert found == [[True], [False], [False], [True], [False], [False], [True]]
    assert detector.searched == 3


def test_search__starts_again_with_every_video_and_when_one_is_read_again():
    one, other = _clip("a", 4), _clip("b", 2)
    detected = [[True], [False], [False], [False]]
    assert _detected(FaceSearch(OneFace(), every=9), [*one, *other, *one]) == [*detected, *detected[:2], *detected]
    assert _detected(FaceSearch(OneFace()), [*one, *one]) == [[True]] * 8


def test_search__detects_in_the_frame_after_one_that_could_not_be_decoded():
    clip = _clip("a", 6, lost=(0, 3))
    assert _detected(FaceSearch(OneFace(), every=2), clip) == [[], [True], [False], [], [True], [False]]


def test_search__detects_where_the_size_of_the_frames_changes():
    clip = _clip("a", 8)
    smaller = [replace(item, rgb=NOISE[:70]) for item in clip[3:6]]
    found = _detected(FaceSearch(OneFace(), every=9), clip[:2], [clip[2], *smaller[:2]], [smaller[2], *clip[6:]])
    assert found == [[True], [False], [False], [True], [False], [False], [True], [False]]
