"""Two models' answers to the same images in, whether they differ out: McNemar's test and paired bootstrap intervals.

Letters: B images, N classes, R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fercli.evaluate.resampling import RESAMPLES, Interval, bootstrap_tables, interval_of


@dataclass(frozen=True)
class PairedTest:
    """B against A on n images; differences are B minus A, shares in -1..1, intervals 95 %
    (bootstrap; of the mean over classes, within classes).

    only_a, only_b: images that one alone reads right. p_value: exact two-sided McNemar test of "both err as often".
    mid_p: its less cautious form (Fagerland et al. 2013).
    """

    n: int
    both: int
    only_a: int
    only_b: int
    neither: int
    difference: float
    difference_interval: Interval
    mean_difference: float
    mean_difference_interval: Interval
    p_value: float
    mid_p: float


def compare_answers(
    truth: ArrayLike, first: ArrayLike, second: ArrayLike, classes: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> PairedTest:
    """Compare answers `second` to answers `first`, class indices [B] each; ValueError without images."""
    true, a, b = (np.asarray(values, np.int64) for values in (truth, first, second))
    if not true.size:
        raise ValueError("no images to compare on")
    counts = np.zeros((classes, 2, 2), np.int64)  # [N, A right, B right]
    np.add.at(counts, (true, (a == true).astype(int), (b == true).astype(int)), 1)
    cells = counts.sum(axis=0)
    only_a, only_b = int(cells[1, 0]), int(cells[0, 1])
    tables, by_class = (  # [R, N, 2, 2]
        bootstrap_tables(counts, within_classes=within, resamples=resamples, seed=seed) for within in (False, True)
    )
    p_value, mid_p = mcnemar(only_a, only_b)
    return PairedTest(
        n=int(true.size),
        both=int(cells[1, 1]),
        only_a=only_a,
        only_b=only_b,
        neither=int(cells[0, 0]),
        difference=float(_differences(counts[None])[0]),
        difference_interval=interval_of(_differences(tables)),
        mean_difference=float(_mean_differences(counts[None])[0]),
        mean_difference_interval=interval_of(_mean_differences(by_class)),
        p_value=p_value,
        mid_p=mid_p,
    )


def mcnemar(only_a: int, only_b: int) -> tuple[float, float]:
    """Exact two-sided p-value and mid-p of McNemar's test (1947): are the images that one alone gets right split evenly?"""
    from scipy.stats import binom

    total, fewer = only_a + only_b, min(only_a, only_b)
    if total == 0:
        return 1.0, 1.0
    p_value = min(1.0, 2 * float(binom.cdf(fewer, total, 0.5)))
    return p_value, min(1.0, 2 * float(binom.cdf(fewer, total, 0.5)) - float(binom.pmf(fewer, total, 0.5)))


def _differences(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    """Accuracy of B minus that of A of tables [R, N, 2, 2]: [R]."""
    gained = tables[:, :, 0, 1].sum(axis=1) - tables[:, :, 1, 0].sum(axis=1)
    return gained / tables.sum(axis=(1, 2, 3))


def _mean_differences(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    """The same of the mean class accuracy, classes without images left out: [R]."""
    counts = tables.sum(axis=(2, 3))  # [R, N]
    gained = tables[:, :, 0, 1] - tables[:, :, 1, 0]
    shares = np.divide(gained, counts, out=np.full(gained.shape, np.nan), where=counts > 0)
    return np.nanmean(shares, axis=1)
