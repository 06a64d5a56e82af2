"""Probabilities and truth in, what they are worth out: reliability bins, calibration error, log loss, Brier score.

Letters: B images, N classes, K bins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fercli.errors import UsageError

BINS = 15


@dataclass(frozen=True)
class Bin:
    """Images whose top probability lies in (low, high]: how many, their mean confidence and accuracy, None if empty."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """How far probabilities at one temperature are from frequencies.

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
    """Measure rows [B, N] that a softmax at `temperature` gave against class indices [B]; ValueError without images."""
    table, true = np.asarray(probabilities, np.float64), np.asarray(truth, np.int64)
    if not true.size:
        raise ValueError("calibration of no images")
    reliability = reliability_bins(table, true, bins=bins)
    gaps = [
        (b.n, abs(b.accuracy - b.confidence))
        for b in reliability
        if b.accuracy is not None and b.confidence is not None
    ]
    of_truth = table[np.arange(true.size), true]
    return Calibration(
        temperature=temperature,
        ece=sum(n * gap for n, gap in gaps) / true.size,
        mce=max(gap for _, gap in gaps),
        nll=float(-np.log(of_truth.clip(np.finfo(np.float64).tiny)).mean()),
        brier=float(((table**2).sum(axis=1) - 2 * of_truth + 1).mean()),
        bins=reliability,
    )


def reliability_bins(probabilities: NDArray[np.float64], truth: NDArray[np.int64], *, bins: int) -> tuple[Bin, ...]:
    """Sort images by their top probability into equal-width bins, open below and closed above."""
    confidence = probabilities.max(axis=1)  # [B]
    right = probabilities.argmax(axis=1) == truth  # [B]
    place = bin_of(confidence, bins)  # [B]
    counts = np.bincount(place, minlength=bins)  # [K]
    sums = np.bincount(place, weights=confidence, minlength=bins)
    hits = np.bincount(place, weights=right, minlength=bins)
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


def bin_of(confidence: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Bin of each confidence in 0..1: int64 [B], 0..bins-1."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


@dataclass(frozen=True)
class Selective:
    """Accuracy when only the surest answers are given (El-Yaniv and Wiener 2010); all shares in 0..1.

    coverage, risk: [B], share answered and share wrong among these, surest first; images of equal confidence share
    their mistakes evenly. aurc: mean of the risks; best_aurc: that of an order that puts every mistake last.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    aurc: float
    best_aurc: float

    def accuracy_at(self, coverage: float) -> float:
        """Accuracy of the surest share of images, rounded up to whole images."""
        place = math.ceil(round(coverage * len(self.coverage), 9)) - 1
        return float(1 - self.risk[max(0, place)])


def risk_coverage(probabilities: ArrayLike, truth: ArrayLike) -> Selective:
    """The risk-coverage curve of the top probability: rows [B, N], class indices [B]; ValueError without images."""
    table, true = np.asarray(probabilities, np.float64), np.asarray(truth, np.int64)
    if not true.size:
        raise ValueError("risk of no images")
    confidence = table.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    wrong = (table.argmax(axis=1) != true)[order]
    answered = np.arange(1, true.size + 1)
    # ties: every image of a group gets the group's mean error, so that the order within it does not matter
    _, group, sizes = np.unique(-sorted_confidence, return_inverse=True, return_counts=True)
    shared = (np.bincount(group, weights=wrong) / sizes)[group]
    risk = shared.cumsum() / answered
    best = np.sort(wrong).cumsum() / answered
    return Selective(answered / true.size, risk, float(risk.mean()), float(best.mean()))


def parse_coverages(text: str) -> tuple[float, ...]:
    """Shares of images such as `0.5,0.8,1`: above 0, at most 1, each once, in rising order; UsageError otherwise."""
    try:
        shares = sorted({float(word) for word in text.split(",")})
    except ValueError:
        shares = []
    if not shares or not all(0 < share <= 1 for share in shares):
        raise UsageError(
            f"--coverage {text}: shares of images lie above 0 and at most at 1", fix="--coverage 0.5,0.8,1"
        )
    return tuple(shares)
