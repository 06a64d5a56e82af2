"""Times of joined recordings."""

from __future__ import annotations

import pytest

from fercli.media.joined_times import JoinedTimes


def _pictures(times: JoinedTimes, *stamps_s: float, position: int = 0) -> None:
    for number, stamp_s in enumerate(stamps_s):
        times.add_picture(stamp_s, is_key=number == 0, position=position + number)


def test_joined_times__keep_the_distance_of_tracks():
    times = JoinedTimes(1.0, interval_s=0.1)
    _pictures(times, 1.0, 1.3, 1.1, 1.2)  # in the order of decoding
    assert times.seconds(times.recording_of_sound(1.25, 4), 1.25) == pytest.approx(0.25)
    # the next recording begins again at 1.0 and is shown from 0.4 on; its sound comes before its first picture
    recording = times.recording_of_sound(1.02, 5)
    assert times.seconds(recording, 1.02) is None
    _pictures(times, 1.0, 1.3, position=6)
    assert times.seconds(recording, 1.02) == pytest.approx(0.42)


def test_joined_times__find_the_recording_of_sound_that_does_not_step_back():
    times = JoinedTimes(0.0, interval_s=0.1)
    _pictures(times, 0.0, 0.1, 0.2)
    times.recording_of_sound(0.1, 3)
    _pictures(times, 0.1, 0.2, position=10)  # 0.2 s earlier than it would follow
    assert times.recording_of_sound(0.15, 9) == 0
    assert times.recording_of_sound(0.2, 12) == 1
    assert times.seconds(1, 0.2) == pytest.approx(0.4)


def test_joined_times__ignore_a_step_of_the_sound_alone():
    times = JoinedTimes(0.0, interval_s=0.1)
    _pictures(times, 0.0, 0.1, 0.2)
    times.recording_of_sound(0.2, 3)
    assert times.recording_of_sound(0.1, 4) == 1
    times.revoke_step()
    assert times.recording_of_sound(0.22, 5) == 0


def test_joined_times__find_a_recording_that_begins_without_a_key_frame():
    times = JoinedTimes(0.0, interval_s=0.1)
    _pictures(times, *(number / 10 for number in range(60)))
    times.add_picture(0.0, is_key=False, position=99)
    assert times.newest == 1
    assert times.seconds(1, 0.0) == pytest.approx(6.0)
