"""When frames are shown."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import pytest

from fercli.media.frame_clock import FrameClock


def test_clock__of_rtsp_counts_from_the_first_picture():
    # as PyAV gave them for a camera's stream of 25 frames a second: a start that is a guess, a first picture without a time
    container = SimpleNamespace(format=SimpleNamespace(name="rtsp"), start_time=160_000)
    pictures = [SimpleNamespace(pts=pts, time_base=Fraction(1, 90_000)) for pts in (None, 3600, 7200, 18_000)]
    clock = FrameClock(container, interval_s=1 / 25)
    assert [clock.shown_s(picture) for picture in pictures] == pytest.approx([0, 0.04, 0.08, 0.2])


def test_clock__of_a_camera_that_sends_jpegs_is_when_they_arrive():
    container = SimpleNamespace(format=SimpleNamespace(name="mpjpeg"), start_time=0)
    pictures = [SimpleNamespace(pts=number, time_base=Fraction(1, 25)) for number in range(4)]  # a guess at the rate
    arrived = iter([50.0, 50.1, 50.4, 51.0])
    clock = FrameClock(container, interval_s=1 / 25, live=True, now=lambda: next(arrived))
    assert [clock.shown_s(picture) for picture in pictures] == pytest.approx([0, 0.1, 0.4, 1.0])
    of_a_file = FrameClock(container, interval_s=1 / 25)
    assert [of_a_file.shown_s(picture) for picture in pictures] == pytest.approx([0, 0.04, 0.08, 0.12])


def _times(stamps: list[tuple[int, int]], keys: tuple[int, ...] = (0,)) -> list[float]:
    """Times of frames with these presentation and decoding timestamps, in units of 0.04 s. keys: numbers of key frames."""
    container = SimpleNamespace(format=SimpleNamespace(name="mpegts"), start_time=0)
    clock = FrameClock(container, interval_s=0.04)
    base = Fraction(1, 25)
    pictures = [
        SimpleNamespace(pts=pts, dts=dts, time_base=base, key_frame=number in keys)
        for number, (pts, dts) in enumerate(stamps)
    ]
    return [round(clock.shown_s(picture) / 0.04, 6) for picture in pictures]


def test_clock__continues_by_presentation_times_where_a_recording_was_joined():
    # decoding timestamps of a joined Matroska file are not in order
    first = [(0, 0), (1, 1), (2, 2), (4, 3)]
    assert _times([*first, (0, 0), (2, 7), (3, 2), (4, 3)], keys=(0, 4)) == [0, 1, 2, 4, 5, 7, 8, 9]


def test_clock__takes_decoding_times_where_presentation_times_are_guessed():
    assert _times([(0, 0), (3, 1), (1, 2), (2, 3), (6, 4), (4, 5), (5, 6), (7, 7)]) == [0, 3, 4, 5, 6, 7, 8, 9]
