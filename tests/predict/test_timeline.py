"""Timelines of a bounded number of bins."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.predict.timeline import FINEST_S, Timeline


def test_timeline__means_are_weighted_by_time():
    line = Timeline(1, bins=4)  # bins of 20 ms
    line.add(np.array([1.0]), start_s=0.0, end_s=0.03)
    line.add(np.array([0.0]), start_s=0.03, end_s=0.04)
    # second bin: 10 ms of 1 and 10 ms of 0
    np.testing.assert_allclose(line.means(0.04)[:, 0], [1.0, 0.5])


def test_timeline__a_gap_is_no_number():
    line = Timeline(2, bins=8)
    line.add(np.array([0.2, 0.8]), start_s=0.0, end_s=0.02)
    line.add(np.array([0.6, 0.4]), start_s=0.08, end_s=0.10)
    means = line.means(0.10)
    np.testing.assert_allclose(means[[0, 4]], [[0.2, 0.8], [0.6, 0.4]])
    assert np.isnan(means[1:4]).all()


def test_timeline__bins_merge_in_pairs_and_keep_their_means():
    line = Timeline(1, bins=4)
    for number in range(16):  # 16 stretches of 20 ms with values 0, 1, 2, ... in four bins of 80 ms
        line.add(np.array([float(number)]), start_s=number * FINEST_S, end_s=(number + 1) * FINEST_S)
    assert line.width_s == pytest.approx(0.08)
    np.testing.assert_allclose(line.means(0.32)[:, 0], [1.5, 5.5, 9.5, 13.5])


def test_timeline__takes_an_hour_in_the_same_memory():
    line = Timeline(1, bins=512)
    line.add(np.array([1.0]), start_s=3599.0, end_s=3600.0)
    means = line.means(3600.0)
    assert len(means) <= 512
    assert np.isfinite(means[-1, 0])
    assert np.isnan(means[:-1]).all()


def test_timeline__widens_to_the_width_of_another():
    short, long = Timeline(1, bins=4), Timeline(1, bins=4)
    short.add(np.array([3.0]), start_s=0.0, end_s=0.01)
    long.add(np.array([1.0]), start_s=0.0, end_s=1.0)
    short.widen(long.width_s)
    assert short.width_s == long.width_s
    np.testing.assert_allclose(short.means(0.01), [[3.0]])
