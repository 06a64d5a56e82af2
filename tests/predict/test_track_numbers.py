"""Numbers of tracks: from 1 without gaps, none for a face that is in view for a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercli.media.sources import Source
from fercli.predict import track_numbers
from fercli.predict.image_result import ImageResult
from fercli.predict.track_numbers import with_track_numbers
from fercli.results import Face, Prediction

SOURCE = Source(Path("a.mp4"), "video", Path("a.mp4"))
RGB = np.zeros((10, 10, 3), np.uint8)
PROBABILITIES = {"neutral": 0.7, "anger": 0.3}


def _frame(number: int, tracks: Sequence[int], *, fps: float = 10, source: Source = SOURCE) -> ImageResult:
    face, time_s = Face((0, 0, 9, 9), 0.99, None), number / fps
    rows = tuple(
        Prediction("a.mp4", "ok", number, time_s, index, face, "neutral", PROBABILITIES, track=track)
        for index, track in enumerate(tracks)
    )
    nobody = (Prediction("a.mp4", "no_face", number, time_s, detail="no face detected"),)
    return ImageResult(source, RGB, time_s, rows or nobody, number)


def _numbers(frames: Sequence[ImageResult]) -> list[list[int | None]]:
    results = list(with_track_numbers(frames))
    assert [result.frame for result in results] == [result.frame for result in frames]
    return [[face.track for face in result.faces] for result in results]


def test_track_numbers__have_no_gap_where_a_face_was_in_view_for_a_moment():
    # 2 is in view for 0.3 s, 3 for the last half second of the video
    tracks = [[1], [1, 2], [1, 2], [2], [1], *[[1]] * 5, *[[1, 3]] * 5]
    found = _numbers([_frame(number, of_frame) for number, of_frame in enumerate(tracks)])
    assert found == [[1], [1, None], [1, None], [None], [1], *[[1]] * 5, *[[1, 2]] * 5]


def test_track_numbers__of_full_hd_have_no_gap_either():
    hd = np.broadcast_to(np.uint8(0), (1080, 1920, 3))
    tracks = [[1], *[[1, 2]] * 9, *[[1]] * 30, *[[1, 3]] * 15]  # 2 is in view for 0.3 s of 30 frames per second
    frames = [replace(_frame(number, of_frame, fps=30), rgb=hd) for number, of_frame in enumerate(tracks)]
    assert _numbers(frames) == [[1], *[[1, None]] * 9, *[[1]] * 30, *[[1, 2]] * 15]


def test_track_numbers__hold_frames_back_only_until_it_is_known_that_a_track_is_short():
    # 2 is in view for 0.1 s: after 0.6 s it cannot be in view for half of the second any more
    frames = (_frame(number, [1, 2] if number == 10 else [1]) for number in range(30))
    read = []
    for result in with_track_numbers(read.append(frame) or frame for frame in frames):
        if result.frame == 10:
            assert len(read) == 18
            return
    pytest.fail("frame 10 is missing")


def test_track_numbers__follow_the_order_of_first_appearance():
    # 1 comes first and is missed in every other frame, so 2 is in view for half a second before it
    tracks = [[1], [2], [1, 2], [2], [1, 2], [2], [1, 2], [2], [1, 2], [1, 2]]
    found = _numbers([_frame(number, of_frame) for number, of_frame in enumerate(tracks)])
    assert found == tracks
    swapped = [[3 - track for track in of_frame] for of_frame in tracks]
    assert _numbers([_frame(number, of_frame) for number, of_frame in enumerate(swapped)]) == tracks


def test_track_numbers__begin_where_a_face_that_flickers_stays():
    # 2 flickers once in 0.8 s and stays from frame 24 on: only from there it is in view for half a second within a second
    tracks = [[1, 2] if number in (0, 8, 16) or number >= 24 else [1] for number in range(40)]
    found = _numbers([_frame(number, of_frame) for number, of_frame in enumerate(tracks)])
    assert [number for number, of_frame in enumerate(found) if None in of_frame] == [0, 8, 16]
    assert all(of_frame == [1, 2] for of_frame in found[24:])


def test_track_numbers__of_a_video_without_a_long_track_are_kept():
    assert _numbers([_frame(0, [7, 9]), _frame(1, [9])]) == [[1, 2], [2]]


def test_track_numbers__count_from_1_in_every_video_and_leave_pictures_alone():
    other = replace(SOURCE, path=Path("b.mp4"))
    picture = replace(_frame(0, [5]), frame=None, time_s=None)
    frames = [
        *(_frame(number, [4]) for number in range(6)),
        picture,
        *(_frame(number, [2], source=other) for number in range(6)),
    ]
    assert _numbers(frames) == [*[[1]] * 6, [5], *[[1]] * 6]


def test_track_numbers__wait_no_longer_than_for_a_second_and_never_for_a_live_source():
    given: list[int] = []

    def frames(source: Source) -> Sequence[ImageResult]:
        for number in range(30):
            given.append(number)
            yield _frame(number, [1, 2] if number == 15 else [1], source=source)

    waits = []
    for result in with_track_numbers(frames(SOURCE)):
        waits.append(len(given) - 1 - (result.frame or 0))
    assert max(waits[:5]) == 5  # until frame 5 begins, the first track is in view for half a second
    assert waits[15] == 7  # then 0.1 s in view and the 0.3 s that are left of a second are less than half a second
    assert set(waits[6:15]) == {0}
    given.clear()
    live = replace(SOURCE, address=0)
    for result in with_track_numbers(frames(live)):
        assert len(given) - 1 == result.frame


def test_track_numbers__are_given_at_once_beyond_the_limit_of_pixels(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(track_numbers, "_MAX_PIXELS", 250)  # two frames of 100 pixels
    assert _numbers([_frame(number, [1] if number else [1, 2]) for number in range(20)])[0] == [1, 2]


def test_track_numbers__do_not_keep_pixels_that_nobody_needs():
    frames = [replace(_frame(number, [1]), rgb=np.full((10, 10, 3), 99, np.uint8)) for number in range(8)]
    without = list(with_track_numbers(iter(frames), pixels=False))
    assert [result.faces for result in without] == [result.faces for result in with_track_numbers(iter(frames))]
    for result in without:
        assert result.rgb is not None
        assert (result.rgb.shape, result.rgb.strides, result.rgb.max()) == ((10, 10, 3), (0, 0, 0), 0)
