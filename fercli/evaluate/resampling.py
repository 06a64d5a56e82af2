"""Percentile bootstrap intervals (Efron 1979) of statistics that depend on counts alone.

Resampling images with replacement is the same as sampling the cells of a table of counts from a multinomial
distribution, so no image has to be touched. Letters: R resamples, N classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fercli.formatting import Interval

RESAMPLES = 4000


def bootstrap_tables(
    counts: NDArray[np.int64], *, within_classes: bool = False, resamples: int = RESAMPLES, seed: int = 0
) -> NDArray[np.int64]:
    """Sample tables of counts of the same shape and total: int64 [R, *counts.shape].

    within_classes: keep the total of every row of the first axis, which has one row per true class. A mean over classes
    needs that: a class of few images would drop out of some resamples and take its low accuracy with it.
    """
    random = np.random.default_rng(seed)
    rows = counts.reshape(len(counts), -1) if within_classes else counts.reshape(1, -1)
    totals = rows.sum(axis=1)  # [rows]
    shares = rows / np.maximum(totals, 1)[:, None]
    shares[totals == 0, 0] = 1.0  # nothing is sampled from an empty row, but its shares must add up
    sampled = random.multinomial(totals, shares, size=(resamples, len(rows)))
    return sampled.reshape(resamples, *counts.shape)


def percentile_interval(values: NDArray[np.float64], *, level: float = 0.95) -> Interval:
    """Return the middle `level` of resampled values [R]."""
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
