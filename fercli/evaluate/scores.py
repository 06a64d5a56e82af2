"""Logits and truth of one split in, the scores that a card and a run's result report out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fercli.evaluate import metrics
from fercli.weights.preprocess import softmax

SelectionCode = Literal["last", "val-best", "test-best"]  # on what a run's weights were chosen, for programs


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


def selection_code(scores: Mapping[str, Any]) -> SelectionCode | None:
    """By which protocol weights were chosen, of a card's scores; None where it does not say.

    Cards before 0.2.0 have no code, only the sentence `selected_by`, which names the split.
    """
    code, told = scores.get("selection"), scores.get("selected_by")
    if code is None and isinstance(told, str):
        by_words: dict[str, SelectionCode] = {
            "the last epoch": "last",
            "the validation split": "val-best",
            "held out": "val-best",
            "the test split": "test-best",
        }
        return next((known for words, known in by_words.items() if words in told), None)
    return next((known for known in get_args(SelectionCode) if known == code), None)
