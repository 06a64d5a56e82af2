"""Accuracy, macro F1 and log loss of predictions against labels, and the temperature that minimises the log loss.

Letters: B images, N classes. Confusion matrices have a row per true class and a column per predicted class; functions in
the plural take any number of matrices [..., N, N], as bootstrap resamples are.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

ConfusionMatrix = NDArray[np.int64]  # [N, N]
_Z95 = 1.959963984540054  # 97.5 % quantile of the normal distribution
_TEMPERATURES = 0.05, 20.0  # the range in which one is searched


def confusion(truth: ArrayLike, predicted: ArrayLike, classes: int) -> ConfusionMatrix:
    """Count pairs of true and predicted class indices [B]: int64 [N, N], rows = truth; ValueError if out of range."""
    true, guess = np.asarray(truth, np.int64), np.asarray(predicted, np.int64)
    if true.shape != guess.shape or true.ndim != 1:
        raise ValueError(f"truth and predicted must be 1-D and of equal length, got {true.shape} and {guess.shape}")
    for values in (true, guess):
        if values.size and (values.min() < 0 or values.max() >= classes):
            raise ValueError(f"class indices must be in 0..{classes - 1}, got {values.min()} to {values.max()}")
    return np.bincount(true * classes + guess, minlength=classes * classes).reshape(classes, classes)


def overall_accuracy(matrix: ConfusionMatrix) -> float:
    """Return the share of all images that are classified correctly, 0..1; nan without images."""
    return float(np.trace(matrix) / matrix.sum()) if matrix.sum() else math.nan


def class_accuracies(matrices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of each class's images that are classified correctly (recall): [..., N], nan for a class without images."""
    counts = matrices.sum(axis=-1)  # [..., N]
    hits = np.diagonal(matrices, axis1=-2, axis2=-1)  # [..., N]
    return np.divide(hits, counts, out=np.full(counts.shape, np.nan), where=counts > 0)


def mean_class_accuracies(matrices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of the class accuracies [...], every class that has images counting once; each matrix needs an image."""
    return np.nanmean(class_accuracies(matrices), axis=-1)


def mean_class_accuracy(matrix: ConfusionMatrix) -> float:
    """Return the mean of the class accuracies of one matrix; nan without images."""
    return float(mean_class_accuracies(matrix)) if matrix.sum() else math.nan


def macro_f1s(matrices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean [...] of 2 TP / (2 TP + FP + FN) over the classes that occur in truth; each matrix needs an image."""
    truth = matrices.sum(axis=-1)  # [..., N]
    hits = np.diagonal(matrices, axis1=-2, axis2=-1)
    both = truth + matrices.sum(axis=-2)
    return np.nanmean(np.divide(2 * hits, both, out=np.full(both.shape, np.nan), where=truth > 0), axis=-1)


def macro_f1(matrix: ConfusionMatrix) -> float:
    """Return the macro F1 of one matrix; nan without images."""
    return float(macro_f1s(matrix)) if matrix.sum() else math.nan


def negative_log_likelihoods(logits: ArrayLike, truth: ArrayLike, temperature: float = 1.0) -> NDArray[np.float64]:
    """Compute -log softmax(logits / temperature)[truth] of every image: [B]; logits [B, N], truth [B]."""
    scaled = np.asarray(logits, np.float64) / temperature  # [B, N]
    true = np.asarray(truth, np.int64)
    top = scaled.max(axis=1)
    log_sum = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))  # [B]
    return log_sum - scaled[np.arange(len(true)), true]


def negative_log_likelihood(logits: ArrayLike, truth: ArrayLike, temperature: float = 1.0) -> float:
    """Return the mean of `negative_log_likelihoods`."""
    return float(negative_log_likelihoods(logits, truth, temperature).mean())


def fit_temperature(logits: ArrayLike, truth: ArrayLike) -> float:
    """Find the temperature in 0.05..20 that minimises the negative log-likelihood (Guo et al. 2017, section 4.2).

    Args: logits [B, N], truth [B]. The search is over log temperature, in which the likelihood is unimodal.
    Raises: ValueError without images.
    """
    from scipy.optimize import minimize_scalar

    if not np.size(truth):
        raise ValueError("cannot fit a temperature: no images")
    minimum = minimize_scalar(
        lambda log_temperature: negative_log_likelihood(logits, truth, math.exp(log_temperature)),
        bounds=[math.log(end) for end in _TEMPERATURES],
        method="bounded",
        options={"xatol": 1e-6},
    )
    return math.exp(minimum.x)


def wilson_interval(right: int, total: int, *, z: float = _Z95) -> tuple[float, float]:
    """Return Wilson's score interval for a share of `right` in `total` (1927), 95 % by default; (0, 1) without images."""
    if total == 0:
        return 0.0, 1.0
    share, spread = right / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / total / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
