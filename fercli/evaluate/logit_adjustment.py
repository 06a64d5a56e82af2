"""Logit adjustment: shift predictions towards rare classes by the classes' shares in training (Menon et al. 2021).

A network trained on few images of a class rarely predicts it. Subtracting tau * log(share) from a class's logit corrects
that by degrees: tau 0 changes nothing, tau 1 predicts as if all classes were equally common (Eq. 9).
A negative tau shifts predictions towards common classes, for a network whose training overweighted rare ones.
Letters: B images, N classes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fercli.evaluate.metrics import confusion, mean_class_accuracy, overall_accuracy

Objective = Literal["overall", "both", "mean"]

TAU_RANGE = -1.0, 1.5
_TAUS = tuple(step / 20 for step in range(-20, 31))  # -1, -0.95 .. 1.5


def logit_adjustment(counts: ArrayLike, tau: float) -> NDArray[np.float64]:
    """Return the offsets [N] added to the logits of classes with `counts` training images: -tau log(share), centred on 0."""
    shares = np.maximum(np.asarray(counts, np.float64), 1.0)
    adjustment = -tau * np.log(shares / shares.sum())
    return adjustment - adjustment.mean()


def fit_tau(logits: ArrayLike, truth: ArrayLike, counts: ArrayLike, *, objective: Objective) -> float:
    """Find the tau in -1..1.5 with the best score; of equal scores the one nearest to 0.

    Args: logits [B, N], truth [B], counts [N] of the training images. objective: the score is the overall accuracy, the
    mean class accuracy, or `both`, the average of the two. Raises: ValueError without images.
    """
    table, true = np.asarray(logits, np.float64), np.asarray(truth, np.int64)
    if not true.size:
        raise ValueError("cannot fit a logit adjustment: no images")
    weight = {"overall": 0.0, "both": 0.5, "mean": 1.0}[objective]

    def score(tau: float) -> float:
        matrix = confusion(true, (table + logit_adjustment(counts, tau)).argmax(axis=1), table.shape[1])
        return (1 - weight) * overall_accuracy(matrix) + weight * mean_class_accuracy(matrix)

    return max(_TAUS, key=lambda tau: (score(tau), -abs(tau)))
