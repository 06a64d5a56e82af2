"""Events of two codings: matched one to one within a tolerance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from fercli.coding.annotations import Annotation
from fercli.coding.event_matching import event_score, match_events


def test_match_events__needs_the_label_and_a_near_onset():
    coded = [Annotation("h", 1.0, 2.0), Annotation("h", 5.0, 6.0), Annotation("s", 8.0, 9.0)]
    read = [Annotation("h", 1.4, 2.5), Annotation("h", 5.6, 6.0), Annotation("h", 8.0, 9.0)]
    pairs = match_events(coded, read, 0.5)
    assert pairs == [(coded[0], read[0])]
    score = event_score("h", 2, 3, pairs)
    assert (score.precision, score.recall, score.f1) == pytest.approx((1 / 3, 1 / 2, 0.4))
    assert (score.onset_error_s, score.offset_error_s) == pytest.approx((0.4, 0.5))


@pytest.mark.parametrize("seed", range(5))
def test_match_events__is_the_largest_matching(seed: int):
    random = np.random.default_rng(seed)
    coded, read = ([Annotation("h", t, t + 1) for t in random.uniform(0, 20, 25)] for _ in range(2))
    possible = np.array([[abs(a.onset_s - b.onset_s) <= 0.5 for b in read] for a in coded])
    rows, columns = linear_sum_assignment(~possible)
    pairs = match_events(coded, read, 0.5)
    assert len(pairs) == possible[rows, columns].sum()
    assert len(set(itertools.chain(*((id(a), id(b)) for a, b in pairs)))) == 2 * len(pairs)


def test_event_score__of_nothing_is_not_defined():
    score = event_score("h", 0, 0, [])
    assert (score.precision, score.recall, score.f1, score.onset_error_s) == (None, None, None, None)
