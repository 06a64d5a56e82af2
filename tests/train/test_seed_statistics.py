"""Paired differences against scipy's own test and textbook values."""

from __future__ import annotations

import pytest
from scipy import stats

from fercli.train.seed_statistics import holm, paired_difference

A = {0: 0.80, 1: 0.82, 2: 0.81, 3: 0.79, 4: 0.83}
B = {0: 0.79, 1: 0.80, 2: 0.81, 3: 0.78, 4: 0.80, 9: 0.10}


def test_paired_difference__is_scipys_paired_t_test_over_the_common_seeds():
    difference = paired_difference(A, B)
    theirs = stats.ttest_rel([A[seed] for seed in range(5)], [B[seed] for seed in range(5)])
    interval = theirs.confidence_interval(0.95)
    assert difference.n == 5
    assert difference.mean == pytest.approx(0.014)
    assert difference.p == pytest.approx(theirs.pvalue)
    assert difference.interval == pytest.approx((interval.low, interval.high))


def test_paired_difference__resolvable_is_detected_four_times_out_of_five():
    # power of the two-sided paired t-test by the noncentral t distribution; the formula is its usual approximation
    difference = paired_difference(A, B)
    error = difference.resolvable / (stats.t.ppf(0.975, 4) + stats.t.ppf(0.8, 4))
    power = stats.nct.sf(stats.t.ppf(0.975, 4), 4, difference.resolvable / error)
    assert power == pytest.approx(0.8, abs=0.03)


def test_paired_difference__one_seed_has_no_interval_and_equal_runs_no_difference():
    one = paired_difference({3: 0.5}, {3: 0.25})
    assert (one.mean, one.interval, one.p, one.resolvable) == (0.25, None, None, None)
    same = paired_difference({0: 0.5, 1: 0.6}, {0: 0.5, 1: 0.6})
    assert (same.mean, same.p, same.interval) == (0.0, 1.0, (0.0, 0.0))
    with pytest.raises(ValueError, match="no seed in common"):
        paired_difference({0: 0.5}, {1: 0.5})


def test_holm__is_the_textbook_step_down():
    # Holm (1979): sorted p times 4, 3, 2, 1, never falling: .01*4, .013*3 (raised to .04), .03*2, .2
    assert holm([0.03, 0.01, None, 0.2, 0.013]) == pytest.approx([0.06, 0.04, None, 0.2, 0.04], nan_ok=False)
    assert holm([0.6, 0.7]) == [1.0, 1.0]
