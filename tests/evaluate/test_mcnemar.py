"""Paired comparison against statsmodels and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as reference

from fercli.evaluate.mcnemar import mcnemar, paired_test


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 5), (10, 4), (7, 7), (121, 59), (1, 0)])
def test_mcnemar__equals_statsmodels(only_a, only_b):
    expected = reference([[3, only_a], [only_b, 2]], exact=True).pvalue
    assert mcnemar(only_a, only_b)[0] == pytest.approx(expected)


def test_mcnemar__mid_p_by_hand():
    # 0 of 5: one-sided 1/32; exact two-sided 2/32, mid-p 2 * (1/32 - 1/64)
    assert mcnemar(0, 5) == pytest.approx((1 / 16, 1 / 32))
    assert mcnemar(0, 0) == (1.0, 1.0)


def test_comparison__by_hand():
    # class 0: A right on 2 of 4, B on 3; class 1: A right on 1 of 2, B on 2
    truth = [0, 0, 0, 0, 1, 1]
    test = paired_test(truth, [0, 0, 1, 1, 1, 0], [0, 1, 0, 0, 1, 1], 2)
    assert (test.images, test.both, test.only_a, test.only_b, test.neither) == (6, 2, 1, 3, 0)
    assert test.accuracy_difference == pytest.approx(5 / 6 - 3 / 6)
    assert test.mean_accuracy_difference == pytest.approx((3 / 4 + 2 / 2) / 2 - (2 / 4 + 1 / 2) / 2)
    assert test.p_value == pytest.approx(2 * (1 + 4) / 16)


def test_interval__has_the_width_of_the_normal_approximation():
    # n 2000, 100 and 140 discordant: variance of the difference (b + c - (c - b)^2 / n) / n^2
    truth = np.zeros(2000, int)
    first, second = np.zeros(2000, int), np.zeros(2000, int)
    second[:100] = 1
    first[100:240] = 1
    test = paired_test(truth, first, second, 2)
    half = 1.96 * np.sqrt(240 - 40**2 / 2000) / 2000
    low, high = test.accuracy_difference_interval
    assert test.accuracy_difference == pytest.approx(0.02)
    assert (low, high) == pytest.approx((0.02 - half, 0.02 + half), abs=0.002)


def test_comparison__refuses_no_images():
    with pytest.raises(ValueError, match="no images"):
        paired_test([], [], [], 2)
