"""Events of two codings: matched one to one within a tolerance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from fercli.coding.event_matching import Event, match_events, mean_errors_s
from fercli.coding.event_scores import PersonEvents, event_scores


def test_match_events__needs_the_label_and_a_near_onset():
    coded = [Event("h", 1.0, 2.0), Event("h", 5.0, 6.0), Event("s", 8.0, 9.0)]
    read = [Event("h", 1.4, 2.5), Event("h", 5.6, 6.0), Event("h", 8.0, 9.0)]
    pairs = match_events(coded, read, 0.5)
    assert pairs == [(coded[0], read[0])]
    happy, _, every = event_scores(
        [PersonEvents("1", coded, read, pairs)], ("h", "s"), block_s=None, min_blocks=4, seed=0
    )
    assert (happy.precision.value, happy.recall.value, happy.f1.value) == pytest.approx((1 / 3, 1 / 2, 0.4))
    assert (happy.onset_error_s, happy.offset_error_s) == pytest.approx((0.4, 0.5))
    assert (every.coded, every.read, every.matched, every.f1.interval) == (3, 3, 1, None)


@pytest.mark.parametrize("seed", range(5))
def test_match_events__is_the_largest_matching(seed: int):
    random = np.random.default_rng(seed)
    coded, read = ([Event("h", t, t + 1) for t in random.uniform(0, 20, 25)] for _ in range(2))
    possible = np.array([[abs(a.onset_s - b.onset_s) <= 0.5 for b in read] for a in coded])
    rows, columns = linear_sum_assignment(~possible)
    pairs = match_events(coded, read, 0.5)
    assert len(pairs) == possible[rows, columns].sum()
    assert len(set(itertools.chain(*((id(a), id(b)) for a, b in pairs)))) == 2 * len(pairs)


def test_event_score__of_nothing_is_not_defined():
    (score, _) = event_scores([], ("h",), block_s=10, min_blocks=4, seed=0)
    assert (score.precision.value, score.recall.value, score.f1.value, score.onset_error_s) == (None,) * 4


def test_event_scores__resample_people_or_blocks_of_time():
    events = [Event("h", 10.0 * at, 10.0 * at + 1) for at in range(8)]
    hit, miss = events[::2], events[1::2]  # every second event is matched
    people = [
        PersonEvents("a", hit, hit, [(item, item) for item in hit]),
        PersonEvents("b", miss, [], []),
    ]
    (score, _) = event_scores(people, ("h",), block_s=10, min_blocks=4, seed=0)
    low, high = score.recall.interval or (0, 0)
    assert (score.recall.value, score.precision.value) == (0.5, 1.0)
    assert 0.05 < low < 0.3
    assert 0.7 < high < 0.95
    assert event_scores(people, ("h",), block_s=None, min_blocks=4, seed=0)[0].recall.interval is None


def test_mean_errors_s__leave_out_what_is_cut():
    cut = (Event("h", 0, 2, cut_onset=True), Event("h", 0, 3, cut_onset=True))
    whole = (Event("h", 5, 6), Event("h", 5.5, 8, cut_offset=True))
    assert mean_errors_s([cut, whole]) == (0.5, 1.0)
