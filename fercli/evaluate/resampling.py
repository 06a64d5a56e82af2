"""Counts in, percentile bootstrap intervals out (Efron 1979), with a seed.

Drawing images with replacement is the same as drawing the cells of a table of counts from a multinomial distribution,
so what depends on counts alone is resampled without touching images. Letters: R resamples, N classes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 4000
Interval = tuple[float, float]


def bootstrap_tables(
    counts: NDArray[np.int64], *, within_classes: bool = False, resamples: int = RESAMPLES, seed: int = 0
) -> NDArray[np.int64]:
    """Draw tables of counts of the same shape and total: int64 [R, *counts.shape].

    within_classes: keep the total of every row of the first axis, which has one row per true class. A mean over classes
    needs that: a class of few images would drop out of some resamples and take its low accuracy with it.
    """
    random = np.random.default_rng(seed)
    rows = counts.reshape(len(counts), -1) if within_classes else counts.reshape(1, -1)
    totals = rows.sum(axis=1)  # [rows]
    shares = rows / np.maximum(totals, 1)[:, None]
    shares[totals == 0, 0] = 1.0  # nothing is drawn from an empty row, but its shares must add up
    draws = random.multinomial(totals, shares, size=(resamples, len(rows)))
    return draws.reshape(resamples, *counts.shape)


def interval_of(values: NDArray[np.float64], *, level: float = 0.95) -> Interval:
    """The middle `level` of resampled values [R]."""
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_interval(
    counts: NDArray[np.int64],
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """95 % interval, resampled within classes, of a statistic that maps tables [R, *counts.shape] to values [R]."""
    return interval_of(statistic(bootstrap_tables(counts, within_classes=True, resamples=resamples, seed=seed)))


def mean_class_accuracies(matrices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean class accuracy of confusion matrices [R, N, N], classes without images left out: [R]."""
    counts = matrices.sum(axis=2)  # [R, N]
    hits = np.diagonal(matrices, axis1=1, axis2=2)  # [R, N]
    shares = np.divide(hits, counts, out=np.full(hits.shape, np.nan), where=counts > 0)
    return np.nanmean(shares, axis=1)


def macro_f1s(matrices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Macro F1 of confusion matrices [R, N, N] over the classes that occur in truth: [R]."""
    truth = matrices.sum(axis=2)  # [R, N]
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    both = truth + matrices.sum(axis=1)
    f1 = np.divide(2 * hits, both, out=np.full(hits.shape, np.nan), where=truth > 0)
    return np.nanmean(f1, axis=1)
