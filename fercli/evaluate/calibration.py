"""Calibration of probabilities (reliability bins, ECE, log loss, Brier score) and the risk-coverage curve.

Letters: B images, N classes, K bins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fercli.errors import UsageError
from fercli.evaluate.metrics import negative_log_likelihood

BINS = 15


@dataclass(frozen=True)
class Bin:
    """Images with a top probability in (low, high]: their number, mean confidence and accuracy, None if empty."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None

    @property
    def gap(self) -> float:
        """Absolute difference of confidence and accuracy; 0 for an empty bin."""
        return (
            abs(self.accuracy - self.confidence) if self.accuracy is not None and self.confidence is not None else 0.0
        )


@dataclass(frozen=True)
class Calibration:
    """Calibration of the probabilities at one temperature.

    ece: expected calibration error; mce: the largest gap of a bin that has images (Guo et al. 2017, Eq. 3 and 5).
    nll: mean negative log-likelihood; brier: mean squared distance of the rows to the truth, 0..2 (Brier 1950).
    """

    temperature: float
    ece: float
    mce: float
    nll: float
    brier: float
    bins: tuple[Bin, ...]


def calibration(probabilities: ArrayLike, truth: ArrayLike, *, temperature: float, bins: int = BINS) -> Calibration:
    """Measure rows [B, N] of a softmax at `temperature` against class indices [B]; ValueError without images."""
    table, true = np.asarray(probabilities, np.float64), np.asarray(truth, np.int64)
    if not true.size:
        raise ValueError("cannot compute calibration: no images")
    reliability = reliability_bins(table, true, bins=bins)
    return Calibration(
        temperature=temperature,
        ece=_mean_gap(reliability),
        mce=max(item.gap for item in reliability),
        nll=negative_log_likelihood(np.log(table.clip(np.finfo(np.float64).tiny)), true),
        brier=float(((table**2).sum(axis=1) - 2 * table[np.arange(true.size), true] + 1).mean()),
        bins=reliability,
    )


def expected_calibration_error(probabilities: ArrayLike, truth: ArrayLike, *, bins: int = BINS) -> float:
    """Return the mean gap between confidence and accuracy over equal-width bins of the top probability (Guo et al. 2017, Eq. 3).

    Args: probabilities [B, N], truth [B]. Returns 0..1; nan without images.
    """
    table, true = np.asarray(probabilities, np.float64), np.asarray(truth, np.int64)
    return _mean_gap(reliability_bins(table, true, bins=bins)) if true.size else math.nan


def _mean_gap(bins: Sequence[Bin]) -> float:
    return sum(item.n * item.gap for item in bins) / sum(item.n for item in bins)


def reliability_bins(probabilities: NDArray[np.float64], truth: NDArray[np.int64], *, bins: int) -> tuple[Bin, ...]:
    """Sort images by their top probability into equal-width bins, open below and closed above."""
    confidence = probabilities.max(axis=1)  # [B]
    right = probabilities.argmax(axis=1) == truth  # [B]
    index = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)  # [B], of the bin
    counts = np.bincount(index, minlength=bins)  # [K]
    sums = np.bincount(index, weights=confidence, minlength=bins)
    hits = np.bincount(index, weights=right, minlength=bins)
    return tuple(
        Bin(
            low=k / bins,
            high=(k + 1) / bins,
            n=int(counts[k]),
            confidence=float(sums[k] / counts[k]) if counts[k] else None,
            accuracy=float(hits[k] / counts[k]) if counts[k] else None,
        )
        for k in range(bins)
    )


@dataclass(frozen=True)
class RiskCoverage:
    """Error rate when only the most confident predictions are kept (El-Yaniv and Wiener 2010); all shares in 0..1.

    coverage, risk: [B], share of images kept and error rate among them, most confident first; images of equal confidence
    share their errors evenly. aurc: area under the curve, the mean of the risks. best_risk [B] and best_aurc: the same of
    a perfect ranking, which puts every error last.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    aurc: float
    best_risk: NDArray[np.float64]
    best_aurc: float

    def accuracy_at(self, coverage: float) -> float:
        """Return the accuracy of the most confident share of images, rounded up to whole images."""
        kept = math.ceil(round(coverage * len(self.coverage), 9))
        return float(1 - self.risk[max(1, kept) - 1])


def risk_coverage(probabilities: ArrayLike, truth: ArrayLike) -> RiskCoverage:
    """Return the risk-coverage curve of the top probability: rows [B, N], class indices [B]; ValueError without images."""
    table, true = np.asarray(probabilities, np.float64), np.asarray(truth, np.int64)
    if not true.size:
        raise ValueError("cannot compute the risk-coverage curve: no images")
    confidence = table.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    wrong = (table.argmax(axis=1) != true)[order]
    kept = np.arange(1, true.size + 1)
    # ties: every image of a group gets the group's mean error, so that the order within it does not matter
    _, group, sizes = np.unique(-sorted_confidence, return_inverse=True, return_counts=True)
    shared = (np.bincount(group, weights=wrong) / sizes)[group]
    risk = shared.cumsum() / kept
    best = np.sort(wrong).cumsum() / kept
    return RiskCoverage(kept / true.size, risk, float(risk.mean()), best, float(best.mean()))


def parse_coverages(text: str) -> tuple[float, ...]:
    """Parse shares of images such as `0.5,0.8,1` (above 0, at most 1) into rising order; UsageError for anything else."""
    try:
        shares = sorted({float(word) for word in text.split(",")})
    except ValueError:
        shares = []
    if not shares or not all(0 < share <= 1 for share in shares):
        raise UsageError(f"--coverage {text} is not a list of shares above 0 and up to 1", fix="--coverage 0.5,0.8,1")
    return tuple(shares)
