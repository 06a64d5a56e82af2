"""The paired difference of two settings over their seeds, with its test, and Holm's correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PairedDifference:
    """Score minus baseline, seed by seed. interval: 95 %, Student's t; p: two-sided paired t-test.

    resolvable: the true difference that this many seeds with this deviation detect with a power of 80 % at a level of 5 %.
    All three are None with fewer than two seeds.
    """

    n: int
    mean: float
    interval: tuple[float, float] | None
    p: float | None
    resolvable: float | None


def paired_difference(scores: Mapping[int, float], baseline: Mapping[int, float]) -> PairedDifference:
    """Compare two settings over the seeds that both have; ValueError if they have none in common.

    The seed decides the initial weights and the order of the images, so a pair's difference is free of much of the chance that
    both settings share. It is not about other test images: all seeds are scored on the same ones.
    """
    from scipy.stats import t, ttest_rel

    seeds = sorted(scores.keys() & baseline.keys())
    if not seeds:
        raise ValueError("the two settings have no seed in common")
    own, reference = ([side[seed] for seed in seeds] for side in (scores, baseline))
    differences = np.subtract(own, reference)
    n, mean = len(seeds), float(differences.mean())
    if n < 2:
        return PairedDifference(n, mean, None, None, None)
    error = float(differences.std(ddof=1)) / n**0.5
    if not error:  # all pairs differ by the same, for which the t statistic is not defined
        return PairedDifference(n, mean, (mean, mean), float(mean == 0), 0.0)
    test = ttest_rel(own, reference)
    low, high = test.confidence_interval(0.95)
    resolvable = float(t.ppf(0.975, n - 1) + t.ppf(0.8, n - 1)) * error
    return PairedDifference(n, mean, (float(low), float(high)), float(test.pvalue), resolvable)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p-values for multiple comparisons (Holm 1979); None stays None."""
    ascending = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(ascending):
        largest = max(largest, min(1.0, p * (len(ascending) - rank)))
        corrected[index] = largest
    return corrected
