"""McNemar's test and paired bootstrap intervals: whether two models differ on the same images.

Letters: B images, N classes, R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fercli.evaluate.resampling import RESAMPLES, bootstrap_tables, percentile_interval
from fercli.formatting import Interval


@dataclass(frozen=True)
class PairedTest:
    """Paired comparison of models A and B.

    Differences are B minus A, in -1..1, with 95 % bootstrap intervals; for mean accuracy, resampled within each class.

    both, only_a, only_b, neither: images that both, one alone or none classifies correctly. p_value: exact two-sided McNemar
    test of equal error rates. mid_p: its less conservative form (Fagerland et al. 2013).
    """

    images: int
    both: int
    only_a: int
    only_b: int
    neither: int
    accuracy_difference: float
    accuracy_difference_interval: Interval
    mean_accuracy_difference: float
    mean_accuracy_difference_interval: Interval
    p_value: float
    mid_p: float


def paired_test(
    truth: ArrayLike, first: ArrayLike, second: ArrayLike, classes: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> PairedTest:
    """Compare the predictions of two models; truth, first and second are class indices [B]. Raises: ValueError without images."""
    true, a, b = (np.asarray(values, np.int64) for values in (truth, first, second))
    if not true.size:
        raise ValueError("cannot compare models: no images")
    counts = np.zeros((classes, 2, 2), np.int64)  # [N, A right, B right]
    np.add.at(counts, (true, (a == true).astype(int), (b == true).astype(int)), 1)
    cells = counts.sum(axis=0)
    only_a, only_b = int(cells[1, 0]), int(cells[0, 1])
    tables, by_class = (  # [R, N, 2, 2]
        bootstrap_tables(counts, within_classes=within, resamples=resamples, seed=seed) for within in (False, True)
    )
    p_value, mid_p = mcnemar(only_a, only_b)
    return PairedTest(
        images=int(true.size),
        both=int(cells[1, 1]),
        only_a=only_a,
        only_b=only_b,
        neither=int(cells[0, 0]),
        accuracy_difference=float(_differences(counts[None])[0]),
        accuracy_difference_interval=percentile_interval(_differences(tables)),
        mean_accuracy_difference=float(_mean_differences(counts[None])[0]),
        mean_accuracy_difference_interval=percentile_interval(_mean_differences(by_class)),
        p_value=p_value,
        mid_p=mid_p,
    )


def mcnemar(only_a: int, only_b: int) -> tuple[float, float]:
    """Return the exact two-sided p-value and mid-p of McNemar's test (1947) that only_a and only_b have the same expectation."""
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
    """Mean class accuracy of B minus that of A, over the classes that have images: [R]."""
    counts = tables.sum(axis=(2, 3))  # [R, N]
    gained = tables[:, :, 0, 1] - tables[:, :, 1, 0]
    shares = np.divide(gained, counts, out=np.full(gained.shape, np.nan), where=counts > 0)
    return np.nanmean(shares, axis=1)
