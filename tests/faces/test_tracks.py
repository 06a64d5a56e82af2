"""Tracks of faces that cross, vanish, come back and jump."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.faces.tracks import LOST_S, Tracker

ANNA, BERT = np.array([1.0, 0.0]), np.array([0.6, 0.8])  # appearance vectors, correlation 0.6


def _box(x: float, y: float = 100.0, side: float = 50.0) -> tuple[float, float, float, float]:
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def test_tracks__keep_their_numbers_whatever_the_order_of_the_faces():
    tracker = Tracker()
    assert tracker.assign(0.0, [_box(100), _box(300)], np.stack([ANNA, BERT])) == [0, 1]
    assert tracker.assign(0.04, [_box(304), _box(101)], np.stack([BERT, ANNA])) == [1, 0]
    assert tracker.assign(0.08, [], np.zeros((0, 2))) == []
    assert tracker.assign(0.12, [_box(104)], ANNA[None]) == [0]


@pytest.mark.parametrize("fps", [10, 25, 50])
@pytest.mark.parametrize("alike", [True, False])
def test_tracks__do_not_swap_when_two_faces_cross(fps: int, alike: bool):
    appearance = np.stack([ANNA, ANNA if alike else BERT])
    tracker = Tracker()
    for number in range(2 * fps + 1):
        time_s = number / fps
        left_to_right, right_to_left = _box(100 + 100 * time_s, 100), _box(300 - 100 * time_s, 108)
        assert tracker.assign(time_s, [left_to_right, right_to_left], appearance) == [0, 1]


def test_tracks__survive_an_occlusion_on_a_crossing():
    # Bert is hidden behind Anna for half a second around the meeting point
    tracker, numbers = Tracker(), []
    for number in range(51):
        time_s = number / 25
        anna, bert = _box(100 + 100 * time_s), _box(300 - 100 * time_s)
        hidden = 0.75 < time_s < 1.25
        boxes, appearance = ([anna], ANNA[None]) if hidden else ([anna, bert], np.stack([ANNA, BERT]))
        numbers.append(tracker.assign(time_s, boxes, appearance))
    assert all(seen == [0] or seen == [0, 1] for seen in numbers)
    assert numbers[-1] == [0, 1]


def test_tracks__end_when_a_person_is_away_for_long():
    tracker = Tracker()
    assert tracker.assign(0.0, [_box(100)], ANNA[None]) == [0]
    assert tracker.assign(LOST_S - 0.01, [_box(100)], ANNA[None]) == [0]
    assert tracker.assign(2 * LOST_S + 0.1, [_box(100)], ANNA[None]) == [1]


def test_tracks__start_again_for_another_face_at_the_same_position():
    tracker = Tracker()
    tracker.assign(0.0, [_box(100)], ANNA[None])
    other = np.array([0.0, 1.0])
    assert tracker.assign(1.0, [_box(100)], other[None]) == [1]


def test_tracks__do_not_jump_across_the_picture():
    tracker = Tracker()
    tracker.assign(0.0, [_box(100)], ANNA[None])
    assert tracker.assign(0.04, [_box(400)], ANNA[None]) == [1]
    assert tracker.assign(0.08, [_box(401, side=150)], ANNA[None]) == [2]


def test_tracks__two_faces_never_share_a_number():
    tracker = Tracker()
    tracker.assign(0.0, [_box(100)], ANNA[None])
    assert sorted(tracker.assign(0.04, [_box(100), _box(102)], np.stack([ANNA, ANNA]))) == [0, 1]
