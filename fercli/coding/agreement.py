"""Agreement of codings: percent, Cohen's kappa, Krippendorff's alpha, precision and recall, from counts of units.

A unit is a short step of time that is coded with one of N classes. Letters: B blocks that are resampled, R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercli.formatting import Interval

RESAMPLES = 2000
Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95 % bootstrap interval; None where it is not defined."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class ClassScore:
    """One class: units that the first and the second coder gave it; precision and recall of the second."""

    name: str
    coded: int
    read: int
    precision: Estimate
    recall: Estimate


def percent_agreement(counts: Counts) -> Counts:
    """Return the share of units [...] with the same class in both codings, of counts [..., N, N]."""
    return ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def cohens_kappa(counts: Counts) -> Counts:
    """Return Cohen's kappa (Cohen 1960) of counts [..., N, N]; NaN if both coders used the same single class."""
    total = counts.sum(axis=(-2, -1))
    observed = percent_agreement(counts)
    expected = ratio((counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1), total**2)
    return ratio(observed - expected, 1 - expected)


def pair_alpha(counts: Counts) -> Counts:
    """Return Krippendorff's nominal alpha of two coders without missing values, of counts [..., N, N]."""
    return _alpha(counts + np.swapaxes(counts, -2, -1))


def krippendorffs_alpha(ratings: NDArray[np.int64], classes: int) -> float:
    """Return Krippendorff's nominal alpha (Krippendorff 2011) of ratings [coders, units]; -1 is missing."""
    per_unit = np.stack([(ratings == index).sum(axis=0) for index in range(classes)], axis=1).astype(float)  # [U, N]
    rated = per_unit.sum(axis=1)
    per_unit, rated = per_unit[rated > 1], rated[rated > 1]
    weighted = per_unit / (rated - 1)[:, None]
    coincidences = weighted.T @ per_unit - np.diag(weighted.sum(axis=0))
    return float(_alpha(coincidences))


def _alpha(coincidences: Counts) -> Counts:
    """Return alpha of coincidence matrices [..., N, N]."""
    by_class = coincidences.sum(axis=-1)
    total = by_class.sum(axis=-1)
    disagreement = (total - np.trace(coincidences, axis1=-2, axis2=-1)) * (total - 1)
    return 1 - ratio(disagreement, total**2 - (by_class**2).sum(axis=-1))


def precision(counts: Counts) -> Counts:
    """Return per class [..., N] the share of the second coder's units that the first one coded so too."""
    return ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-2))


def recall(counts: Counts) -> Counts:
    """Return per class [..., N] the share of the first coder's units that the second one coded so too."""
    return ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1))


def resampled(blocks: Counts, *, seed: int, resamples: int = RESAMPLES) -> Counts:
    """Return the counts [R, N, N] of blocks [B, N, N] drawn with replacement (block bootstrap)."""
    draws = np.random.default_rng(seed).multinomial(len(blocks), np.full(len(blocks), 1 / len(blocks)), size=resamples)
    return np.tensordot(draws.astype(float), blocks, axes=1)


def estimate(value: float | Counts, values: Counts) -> Estimate:
    """Return a value with the interval of its resampled values [R]; without one if most of them are undefined."""
    known = values[np.isfinite(values)]
    interval = None
    if len(known) > len(values) / 2:
        low, high = np.quantile(known, [0.025, 0.975])
        interval = (float(low), float(high))
    number = float(value)
    return Estimate(number if np.isfinite(number) else None, interval)


def ratio(numerator: Counts, denominator: Counts) -> Counts:
    """Divide; 0 / 0 is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(denominator) > 1e-12, np.divide(numerator, denominator), np.nan)
