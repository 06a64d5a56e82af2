"""Labels and probabilities in, scores out: accuracy in its kinds, F1, calibration, intervals.

Letters: B images, N classes. Confusion matrices have a row per true class and a column per answer.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fercli.evaluate.calibration import bin_of

Matrix = NDArray[np.int64]  # [N, N]
_Z95 = 1.959963984540054  # 97.5 % quantile of the normal distribution
_GOLDEN = (math.sqrt(5) - 1) / 2


def confusion(truth: ArrayLike, guess: ArrayLike, classes: int) -> Matrix:
    """Count pairs of true class [B] and answer [B]: int64 [N, N], rows = truth; ValueError for indices out of range."""
    true, answer = np.asarray(truth, np.int64), np.asarray(guess, np.int64)
    if true.shape != answer.shape or true.ndim != 1:
        raise ValueError(f"truth and guess must be equally long lists, are {true.shape} and {answer.shape}")
    for values in (true, answer):
        if values.size and (values.min() < 0 or values.max() >= classes):
            raise ValueError(f"class indices must lie in 0..{classes - 1}, go from {values.min()} to {values.max()}")
    return np.bincount(true * classes + answer, minlength=classes * classes).reshape(classes, classes)


def overall_accuracy(matrix: Matrix) -> float:
    """Share of all images that are right, 0..1; nan without images."""
    return float(np.trace(matrix) / matrix.sum()) if matrix.sum() else math.nan


def class_accuracy(matrix: Matrix) -> NDArray[np.float64]:
    """Share of each class's images that are right (recall): float64 [N], nan for a class without images."""
    counts = matrix.sum(axis=1)
    return np.divide(np.diag(matrix), counts, out=np.full(len(matrix), np.nan), where=counts > 0)


def mean_class_accuracy(matrix: Matrix) -> float:
    """Mean of the class accuracies, every class that has images counting once; nan without images."""
    return float(np.nanmean(class_accuracy(matrix))) if matrix.sum() else math.nan


def macro_f1(matrix: Matrix) -> float:
    """Mean of 2 TP / (2 TP + FP + FN) over the classes that occur in truth; one that is never right counts 0."""
    occurring = matrix.sum(axis=1) > 0
    if not occurring.any():
        return math.nan
    hits = np.diag(matrix)
    f1 = 2 * hits[occurring] / (matrix.sum(axis=0) + matrix.sum(axis=1))[occurring]
    return float(f1.mean())


def expected_calibration_error(probabilities: ArrayLike, truth: ArrayLike, *, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal-width bins of the top probability (Guo et al. 2017, Eq. 3).

    Args: probabilities [B, N], truth [B]. Bins are open below and closed above. Returns 0..1; nan without images.
    """
    table, true = np.asarray(probabilities, np.float64), np.asarray(truth, np.int64)
    if not true.size:
        return math.nan
    confidence = table.max(axis=1)  # [B]
    right = table.argmax(axis=1) == true  # [B]
    place = bin_of(confidence, bins)  # [B]
    gaps = np.bincount(place, weights=right - confidence, minlength=bins)  # [bins], each n_b (acc_b - conf_b)
    return float(np.abs(gaps).sum() / true.size)


def negative_log_likelihood(logits: ArrayLike, truth: ArrayLike, temperature: float = 1.0) -> float:
    """Mean of -log softmax(logits / temperature)[truth]; logits [B, N], truth [B]."""
    scaled = np.asarray(logits, np.float64) / temperature  # [B, N]
    true = np.asarray(truth, np.int64)
    top = scaled.max(axis=1)
    log_sum = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))  # [B]
    return float((log_sum - scaled[np.arange(len(true)), true]).mean())


def fit_temperature(logits: ArrayLike, truth: ArrayLike) -> float:
    """Find the temperature in 0.05..20 that minimises the negative log-likelihood (Guo et al. 2017, section 4.2).

    Args: logits [B, N], truth [B]. The likelihood is unimodal in log temperature: golden-section search to 1e-6.
    Errors: ValueError without images.
    """
    if not np.size(truth):
        raise ValueError("a temperature cannot be fitted to no images")
    low, high = math.log(0.05), math.log(20.0)
    inner = [high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)]
    losses = [negative_log_likelihood(logits, truth, math.exp(place)) for place in inner]
    while high - low > 1e-6:
        if losses[0] <= losses[1]:
            high, inner[1], losses[1] = inner[1], inner[0], losses[0]
            inner[0] = high - _GOLDEN * (high - low)
            losses[0] = negative_log_likelihood(logits, truth, math.exp(inner[0]))
        else:
            low, inner[0], losses[0] = inner[0], inner[1], losses[1]
            inner[1] = low + _GOLDEN * (high - low)
            losses[1] = negative_log_likelihood(logits, truth, math.exp(inner[1]))
    return math.exp((low + high) / 2)


def wilson_interval(right: int, total: int, *, z: float = _Z95) -> tuple[float, float]:
    """Wilson's score interval for a share of `right` in `total` (1927), 95 % by default; (0, 1) without images."""
    if total == 0:
        return 0.0, 1.0
    share, spread = right / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / total / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
