"""Logits and truth of one split in, the scores that a card and a run's result report out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercli.core import metrics
from fercli.core.preprocess import softmax


@dataclass(frozen=True)
class SplitScore:
    """Scores of one split, shares in 0..1; class_accuracy by name, None for a class without images."""

    split: str
    images: int
    accuracy: float
    mean_accuracy: float
    class_accuracy: dict[str, float | None]
    calibration_error: float


def split_score(
    split: str, logits: NDArray[np.float32], truth: NDArray[np.int64], *, labels: Sequence[str], temperature: float
) -> SplitScore:
    """Score P_VIT logits [B, N] against class indices [B]; calibration error of softmax(logits / temperature)."""
    matrix = metrics.confusion(truth, logits.argmax(axis=1), len(labels))
    by_class = metrics.class_accuracy(matrix)
    present = matrix.sum(axis=1) > 0
    return SplitScore(
        split=split,
        images=int(matrix.sum()),
        accuracy=metrics.overall_accuracy(matrix),
        mean_accuracy=metrics.mean_class_accuracy(matrix),
        class_accuracy={name: float(by_class[i]) if present[i] else None for i, name in enumerate(labels)},
        calibration_error=metrics.expected_calibration_error(softmax(logits, temperature), truth),
    )
