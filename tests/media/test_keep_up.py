"""Streams are read as they come: what is passed over, what waits, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from threading import Event

import numpy as np
import pytest

from fercli.errors import DataError
from fercli.media import keep_up
from fercli.media.keep_up import KeepingUp
from fercli.media.video import Frame

FPS = 100


def stream(count: int, taken: list[int], *, paced: bool = True) -> Iterator[Frame]:
    """Frames as a camera sends them, one every hundredth of a second, or without a pause."""
    started = time.monotonic()
    for number in range(count):
        if paced:
            time.sleep(max(0.0, started + number / FPS - time.monotonic()))
        taken.append(number)
        yield Frame(number, number / FPS, np.zeros((2, 2, 3), np.uint8))


def test_keeping_up__passes_over_what_there_is_no_time_for_and_stays_near_the_newest():
    taken: list[int] = []
    coming, seen = KeepingUp(stream(60, taken)), []
    for frame in coming:
        seen.append(frame.index)
        assert taken[-1] - frame.index <= 3 * keep_up._ROOM  # as many wait, and some come in between on a busy machine
        time.sleep(0.05)  # time for five more
    assert seen[0] == 0
    assert seen[-1] == 59
    assert seen == sorted(set(seen))
    assert coming.passed_over == 60 - len(seen) > 20


def test_keeping_up__gives_every_frame_to_who_has_time():
    coming = KeepingUp(stream(10, []))
    assert [frame.index for frame in coming] == list(range(10))
    assert coming.passed_over == 0


def test_keeping_up__a_stream_that_is_sent_faster_than_it_was_taken_waits_once_it_is_a_second_ahead(monkeypatch):
    monkeypatch.setattr(keep_up, "_AHEAD_S", -1.0)  # from the first frame on
    taken: list[int] = []
    coming, seen = KeepingUp(stream(40, taken, paced=False)), []
    for frame in coming:
        seen.append(frame.index)
        time.sleep(0.002)
    assert seen == list(range(40))
    assert coming.passed_over == 0


def test_keeping_up__an_error_comes_after_the_frames_before_it():
    def broken() -> Iterator[Frame]:
        yield from stream(3, [])
        raise DataError("camera 0: gives no picture", fix="another")

    frames = iter(KeepingUp(broken()))
    assert [next(frames).index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(DataError, match="gives no picture"):
        next(frames)


def test_keeping_up__stops_reading_when_nobody_listens_any_more():
    ended = Event()

    def endless() -> Iterator[Frame]:
        try:
            for number in range(10**9):
                time.sleep(0.001)
                yield Frame(number, number / FPS, None)
        finally:
            ended.set()

    source = endless()
    with closing(iter(KeepingUp(source))) as frames:
        next(frames)
    source.close()
    assert ended.is_set()
