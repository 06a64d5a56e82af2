"""Logits, truth and the classes' shares in training in, how far answers should lean towards rare classes out.

A network trained on few pictures of a class hardly ever names it. Subtracting tau * log(share) from a class's logit undoes
that by degrees: tau 0 changes nothing, tau 1 answers as if all classes were equally common (Menon et al. 2021, Eq. 9).
A negative tau leans the other way, for a network that training made say rare classes too often.
Letters: B images, N classes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fercli.evaluate.metrics import confusion, mean_class_accuracy, overall_accuracy

Aim = Literal["overall", "both", "mean"]

_STEPS = tuple(step / 20 for step in range(-20, 31))  # -1, -0.95 .. 1.5


def lean(counts: ArrayLike, tau: float) -> NDArray[np.float64]:
    """What is added to the logits [N] of classes with so many training images: -tau log(share), its mean taken off."""
    shares = np.maximum(np.asarray(counts, np.float64), 1.0)
    towards_rare = -tau * np.log(shares / shares.sum())
    return towards_rare - towards_rare.mean()


def fit_tau(logits: ArrayLike, truth: ArrayLike, counts: ArrayLike, *, aim: Aim) -> float:
    """Find the tau in -1..1.5 whose answers score best, of equals the one nearest to 0.

    Args: logits [B, N], truth [B], counts [N] of the training images. aim: the score is the overall accuracy, the mean of
    the class accuracies, or `both`, halfway between the two. Errors: ValueError without images.
    """
    table, true = np.asarray(logits, np.float64), np.asarray(truth, np.int64)
    if not true.size:
        raise ValueError("a leaning cannot be fitted to no images")
    weight = {"overall": 0.0, "both": 0.5, "mean": 1.0}[aim]

    def score(tau: float) -> float:
        matrix = confusion(true, (table + lean(counts, tau)).argmax(axis=1), table.shape[1])
        return (1 - weight) * overall_accuracy(matrix) + weight * mean_class_accuracy(matrix)

    return max(_STEPS, key=lambda tau: (score(tau), -abs(tau)))
