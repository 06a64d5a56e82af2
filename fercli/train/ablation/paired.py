"""Scores of the same seeds under two settings in, their difference with its interval and test out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (n - 1) of n scores; the deviation is None for one score."""

    n: int
    mean: float
    deviation: float | None


@dataclass(frozen=True)
class PairedDifference:
    """Score minus baseline, seed by seed. interval: 95 %, Student's t; p: two-sided paired t-test.

    resolvable: the true difference that so many seeds, with this spread, find four times out of five at a level of 5 %.
    All three are None with fewer than two seeds.
    """

    n: int
    mean: float
    interval: tuple[float, float] | None
    p: float | None
    resolvable: float | None


def spread(scores: Sequence[float]) -> Spread:
    """Summarise the scores of several seeds; ValueError without any."""
    if not scores:
        raise ValueError("no scores to summarise")
    deviation = float(np.std(scores, ddof=1)) if len(scores) > 1 else None
    return Spread(len(scores), float(np.mean(scores)), deviation)


def paired_difference(scores: Mapping[int, float], baseline: Mapping[int, float]) -> PairedDifference:
    """Compare two settings over the seeds that both have; ValueError where they have none in common.

    The seed decides the start and the order of the images, so the difference of a pair is free of much of the chance that
    both settings share. It says nothing about other test images: all seeds are scored on the same ones.
    """
    seeds = sorted(scores.keys() & baseline.keys())
    if not seeds:
        raise ValueError("the two settings have no seed in common")
    differences = np.array([scores[seed] - baseline[seed] for seed in seeds], np.float64)
    n, mean = len(seeds), float(differences.mean())
    if n < 2:
        return PairedDifference(n, mean, None, None, None)
    from scipy.stats import t

    error = float(differences.std(ddof=1)) / math.sqrt(n)
    half = float(t.ppf(0.975, n - 1)) * error
    p = float(mean == 0)  # where all pairs differ by the same
    if error:
        p = float(2 * t.sf(abs(mean) / error, n - 1))
    resolvable = float(t.ppf(0.975, n - 1) + t.ppf(0.8, n - 1)) * error
    return PairedDifference(n, mean, (mean - half, mean + half), p, resolvable)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p-values for being several (Holm 1979): each as if it were the only one asked about; None stays."""
    present = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    worst = 0.0
    for rank, (p, place) in enumerate(present):
        worst = max(worst, min(1.0, p * (len(present) - rank)))
        corrected[place] = worst
    return corrected
