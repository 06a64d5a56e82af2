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
    assert tracker.assign(0.0, [_box(100), _box(300)], np.stack([ANNA, BERT])) == [1, 2]
    assert tracker.assign(0.04, [_box(304), _box(101)], np.stack([BERT, ANNA])) == [2, 1]
    assert tracker.assign(0.08, [], np.zeros((0, 2))) == []
    assert tracker.assign(0.12, [_box(104)], ANNA[None]) == [1]


@pytest.mark.parametrize("fps", [10, 25, 50])
@pytest.mark.parametrize("alike", [True, False])
def test_tracks__do_not_swap_when_two_faces_cross(fps: int, alike: bool):
    appearance = np.stack([ANNA, ANNA if alike else BERT])
    tracker = Tracker()
    for number in range(2 * fps + 1):
        time_s = number / fps
        left_to_right, right_to_left = _box(100 + 100 * time_s, 100), _box(300 - 100 * time_s, 108)
        assert tracker.assign(time_s, [left_to_right, right_to_left], appearance) == [1, 2]


def test_tracks__survive_an_occlusion_on_a_crossing():
    # Bert is hidden behind Anna for half a second around the meeting point
    tracker, numbers = Tracker(), []
    for number in range(51):
        time_s = number / 25
        anna, bert = _box(100 + 100 * time_s), _box(300 - 100 * time_s)
        hidden = 0.75 < time_s < 1.25
        boxes, appearance = ([anna], ANNA[None]) if hidden else ([anna, bert], np.stack([ANNA, BERT]))
        numbers.append(tracker.assign(time_s, boxes, appearance))
    assert all(seen == [1] or seen == [1, 2] for seen in numbers)
    assert numbers[-1] == [1, 2]


def test_tracks__end_when_a_person_is_away_for_long():
    tracker = Tracker()
    assert tracker.assign(0.0, [_box(100)], ANNA[None]) == [1]
    assert tracker.assign(LOST_S - 0.01, [_box(100)], ANNA[None]) == [1]
    assert tracker.assign(2 * LOST_S + 0.1, [_box(100)], ANNA[None]) == [2]


def test_tracks__start_again_for_another_face_at_the_same_position():
    tracker = Tracker()
    tracker.assign(0.0, [_box(100)], ANNA[None])
    other = np.array([0.0, 1.0])
    assert tracker.assign(1.0, [_box(100)], other[None]) == [2]


def test_tracks__do_not_jump_across_the_picture():
    tracker = Tracker()
    tracker.assign(0.0, [_box(100)], ANNA[None])
    assert tracker.assign(0.04, [_box(400)], ANNA[None]) == [2]
    assert tracker.assign(0.08, [_box(401, side=150)], ANNA[None]) == [3]


def test_tracks__two_faces_never_share_a_number():
    tracker = Tracker()
    tracker.assign(0.0, [_box(100)], ANNA[None])
    assert sorted(tracker.assign(0.04, [_box(100), _box(102)], np.stack([ANNA, ANNA]))) == [1, 2]


def test_tracks__a_person_who_returns_elsewhere_keeps_the_number_by_appearance():
    tracker, anna, bert = Tracker(), np.full(768, 120, np.float32), np.full(768, 140, np.float32)
    for time_s in (0.0, 0.3):
        assert tracker.assign(time_s, [_box(100)], ANNA[None], [lambda: anna]) == [1]
    # a cut: another place, and Bert beside her; her colours differ by 4 units, his by 20
    boxes, appearance = [_box(600), _box(300)], np.stack([BERT, ANNA])
    assert tracker.assign(0.34, boxes, appearance, [lambda: bert, lambda: anna + 4]) == [2, 1]
    assert tracker.assign(9.0, [_box(50)], BERT[None], [lambda: bert]) == [2]


def test_tracks__nobody_in_view_gives_a_number_to_somebody_else():
    tracker, same = Tracker(), np.full(768, 120, np.float32)
    assert tracker.assign(0.0, [_box(100)], ANNA[None], [lambda: same]) == [1]
    # twins: both look like number 1, one of them is where number 1 was
    assert tracker.assign(0.3, [_box(101), _box(600)], np.stack([ANNA, ANNA]), [lambda: same] * 2) == [1, 2]


def test_tracks__small_faces_are_not_recognised():
    tracker, same = Tracker(), np.full(768, 120, np.float32)
    assert tracker.assign(0.0, [_box(100, side=24)], ANNA[None], [lambda: same]) == [1]
    assert tracker.assign(9.0, [_box(600, side=24)], ANNA[None], [lambda: same]) == [2]


def test_tracks__do_not_pass_to_another_person_at_the_same_position():
    def head(value: float):
        return lambda: np.full(768, value, np.float32)

    for value, gap_s, expected in ((104, 0.16, 1), (120, 0.16, 2), (120, 0.08, 1)):  # in the last one frame was missed
        tracker = Tracker()
        for number in range(10):
            assert tracker.assign(number / 25, [_box(100)], ANNA[None], [head(100)]) == [1]
        assert tracker.assign(0.36 + gap_s, [_box(100)], ANNA[None], [head(value)]) == [expected]


def test_tracks__do_not_pass_to_another_person_at_a_cut():
    def head(value: float):
        return lambda: np.full(768, value, np.float32)

    cut_to, turned = np.array([0.0, 1.0]), np.array([0.4, 0.917])  # correlations with ANNA below 0.5
    for appearance, value, expected in ((cut_to, 120, 2), (turned, 104, 1), (ANNA, 120, 1)):
        tracker = Tracker()
        for number in range(10):
            assert tracker.assign(number / 25, [_box(100)], ANNA[None], [head(100)]) == [1]
        assert tracker.assign(0.4, [_box(105)], appearance[None], [head(value)]) == [expected]
    tracker = Tracker()  # shot, other shot, first shot again
    found = []
    for number in range(30):
        is_other = 10 <= number < 20
        appearance, value = (cut_to, 120) if is_other else (ANNA, 100)
        found += tracker.assign(number / 25, [_box(100)], appearance[None], [head(value)])
    assert found == [1] * 10 + [2] * 10 + [1] * 10
