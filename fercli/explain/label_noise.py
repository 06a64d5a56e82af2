"""How doubtful each label is by several signs in, one ranking out; and how well a ranking finds the wrong labels.

Letters: B images, N classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LEAST = 1e-6  # a probability below this counts as this


def surprise(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """-log of what each image's label is given, [B, N] and [B] to [B]: 0 where it is certain, 13.8 at most."""
    table, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.int64)
    return -np.log(np.maximum(table[np.arange(len(truth)), truth], _LEAST))


def divergence(probabilities: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """KL(probabilities || others) of each image, [B, N] twice to [B], in nats: 0 where both say the same, 13.8 at most."""
    table = np.asarray(probabilities, np.float64)
    told, heard = np.maximum(table, _LEAST), np.maximum(np.asarray(others, np.float64), _LEAST)
    return np.asarray(np.maximum((table * np.log(told / heard)).sum(axis=1), 0.0))


def combined(signs: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean of the signs [B] in nats, images without one (nan) over those that they have: higher is more doubtful."""
    table = np.stack(list(signs.values()))  # [signs, B]
    return np.asarray(np.nanmean(table, axis=0))


def most_doubtful(score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Images by falling score [B]; equal ones stay in their order."""
    return np.argsort(-score, kind="stable")


def precision_at(order: ArrayLike, wrong: NDArray[np.bool_], count: int) -> float:
    """Share of wrong labels [B] among the first `count` images of an order; nan without images."""
    first = np.asarray(order, np.int64)[:count]
    return float(wrong[first].mean()) if len(first) else float("nan")


def average_precision(order: ArrayLike, wrong: NDArray[np.bool_]) -> float:
    """Mean of the precision at every wrong label's place in the order; nan where no label is wrong."""
    hits = wrong[np.asarray(order, np.int64)]
    if not hits.any():
        return float("nan")
    places = np.arange(1, len(hits) + 1)
    return float((np.cumsum(hits) / places)[hits].mean())


def suggested(opinions: Sequence[NDArray[np.float32]], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The class, other than the label, that gets most over the mean of probabilities [B, N]: int64 [B]."""
    mean = np.mean(np.stack([np.asarray(opinion, np.float64) for opinion in opinions]), axis=0)
    mean[np.arange(len(labels)), labels] = -1.0
    return np.asarray(mean.argmax(axis=1), np.int64)
