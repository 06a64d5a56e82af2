"""The shift at which two codings agree best."""

from __future__ import annotations

import numpy as np

from fercli.coding.clock_offset import better_shift_s


def test_better_shift_s__finds_a_clock_that_is_late():
    random = np.random.default_rng(0)
    truth = np.repeat(random.integers(0, 3, 20), 25)  # 20 s of 25 units, a label per second
    late = np.concatenate([np.full(60, -1), truth[:-60]])
    shift_s, kappa, now = better_shift_s([np.stack([late, truth])], 3, 0.04) or (0, 0, 0)
    assert (round(shift_s, 6), round(kappa, 6)) == (-2.4, 1.0)
    assert now < 0.5
    assert better_shift_s([np.stack([truth, truth])], 3, 0.04) is None
