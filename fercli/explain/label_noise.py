"""Rank labels by how doubtful they are, and measure how well a ranking finds the wrong ones.

Letters: B images, N classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MIN_PROBABILITY = 1e-6  # smaller probabilities are raised to this


def cross_entropy(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Compute -log of each label's probability, [B, N] and [B] to [B]: 0 if it is certain, at most 13.8."""
    table, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.int64)
    return -np.log(np.maximum(table[np.arange(len(truth)), truth], _MIN_PROBABILITY))


def kl_divergence(probabilities: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """Compute KL(probabilities || others) of each image, [B, N] twice to [B], in nats: 0 if they agree, at most 13.8."""
    table = np.asarray(probabilities, np.float64)
    first = np.maximum(table, _MIN_PROBABILITY)
    second = np.maximum(np.asarray(others, np.float64), _MIN_PROBABILITY)
    return np.asarray(np.maximum((table * np.log(first / second)).sum(axis=1), 0.0))


def mean_signal(signals: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Average signals [B] in nats, for each image over those that it has (not nan): higher is more doubtful."""
    table = np.stack(list(signals.values()))  # [signals, B]
    return np.asarray(np.nanmean(table, axis=0))


def most_doubtful(score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return image indices by falling score [B]; equal ones stay in their order."""
    return np.argsort(-score, kind="stable")


def precision_at(order: ArrayLike, wrong: NDArray[np.bool_], count: int) -> float:
    """Share of wrong labels [B] among the first `count` images of an order; nan without images."""
    first = np.asarray(order, np.int64)[:count]
    return float(wrong[first].mean()) if len(first) else float("nan")


def average_precision(order: ArrayLike, wrong: NDArray[np.bool_]) -> float:
    """Mean of the precision at the rank of every wrong label; nan if no label is wrong."""
    hits = wrong[np.asarray(order, np.int64)]
    if not hits.any():
        return float("nan")
    ranks = np.arange(1, len(hits) + 1)
    return float((np.cumsum(hits) / ranks)[hits].mean())


def suggest_labels(predictions: Sequence[NDArray[np.float32]], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the class, other than the label, with the highest mean of the probabilities [B, N]: int64 [B]."""
    mean = np.mean(np.stack([np.asarray(probabilities, np.float64) for probabilities in predictions]), axis=0)
    mean[np.arange(len(labels)), labels] = -1.0
    return np.asarray(mean.argmax(axis=1), np.int64)
