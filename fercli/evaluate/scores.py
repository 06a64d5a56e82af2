"""The score of a set of images, which training, evaluation, cards and tables share; and how weights were selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fercli.evaluate.calibration import expected_calibration_error
from fercli.evaluate.metrics import (
    ConfusionMatrix,
    class_accuracies,
    confusion,
    macro_f1,
    macro_f1s,
    mean_class_accuracies,
    mean_class_accuracy,
    overall_accuracy,
    wilson_interval,
)
from fercli.evaluate.resampling import bootstrap_tables, percentile_interval
from fercli.formatting import Interval, pluralize
from fercli.weights.preprocess import softmax

SelectionCode = Literal["last", "val-best", "test-best"]  # the protocol by which training selected an epoch's weights


@dataclass(frozen=True)
class Score:
    """How well predictions agree with the labels of a set of images. Shares are in 0..1, intervals are 95 %.

    split: of the data set the images are from. accuracy: of all images, with Wilson's interval. mean_accuracy, macro_f1:
    means over the classes that have images, with percentile bootstrap intervals within classes. class_...: by class name,
    None for a class without images, with Wilson's intervals. confusion: counts, rows = truth, in the order of
    class_images. calibration_error: expected calibration error at the card's temperature, None where only classes are known.
    """

    split: str
    images: int
    accuracy: float
    accuracy_interval: Interval
    mean_accuracy: float
    mean_accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    class_images: dict[str, int]
    class_accuracy: dict[str, float | None]
    class_interval: dict[str, Interval | None]
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: float | None

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the confusion matrix."""
        return tuple(self.class_images)

    @property
    def single_prediction(self) -> str | None:
        """The class that all images were given although they are of several; None for predictions of several classes."""
        predicted = [
            name for name, column in zip(self.labels, zip(*self.confusion, strict=True), strict=True) if any(column)
        ]
        classes = sum(count > 0 for count in self.class_images.values())
        return predicted[0] if len(predicted) == 1 and classes > 1 else None

    def __post_init__(self) -> None:
        if sum(map(sum, self.confusion)) != self.images or sum(self.class_images.values()) != self.images:
            raise ValueError(f"confusion matrix and class counts do not add up to {self.images} images")
        if not self.labels == tuple(self.class_accuracy) == tuple(self.class_interval):
            raise ValueError("class figures are not in the order of the labels")

    def for_card(self) -> dict[str, Any]:
        """Return the figures that a weights card keeps."""
        names = ("split", "images", "accuracy", "mean_accuracy", "class_accuracy", "calibration_error")
        return {name: getattr(self, name) for name in names}


def one_class_text(predicted: str, images: int) -> str:
    """Return a warning that a network distinguishes no classes."""
    return f"all predictions of {pluralize(images, 'image')} are one class, {predicted}: the network distinguishes no classes"


def score_matrix(
    matrix: ConfusionMatrix, *, split: str, labels: Sequence[str], calibration_error: float | None = None, seed: int = 0
) -> Score:
    """Score a confusion matrix [N, N] that counts at least one image; seed: of the bootstrap."""
    counts, hits = matrix.sum(axis=1).tolist(), np.diag(matrix).tolist()
    accuracy = class_accuracies(matrix).tolist()
    resampled = bootstrap_tables(matrix, within_classes=True, seed=seed)
    present = [(name, index) for index, name in enumerate(labels) if counts[index]]
    missing = dict.fromkeys(labels)
    return Score(
        split=split,
        images=int(matrix.sum()),
        accuracy=overall_accuracy(matrix),
        accuracy_interval=wilson_interval(sum(hits), sum(counts)),
        mean_accuracy=mean_class_accuracy(matrix),
        mean_accuracy_interval=percentile_interval(mean_class_accuracies(resampled)),
        macro_f1=macro_f1(matrix),
        macro_f1_interval=percentile_interval(macro_f1s(resampled)),
        class_images=dict(zip(labels, counts, strict=True)),
        class_accuracy={**missing, **{name: accuracy[i] for name, i in present}},
        class_interval={**missing, **{name: wilson_interval(hits[i], counts[i]) for name, i in present}},
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        calibration_error=calibration_error,
    )


def score_logits(
    split: str, logits: NDArray[np.float32], truth: NDArray[np.int64], *, labels: Sequence[str], temperature: float
) -> Score:
    """Score P_VIT logits [B, N] against class indices [B]; probabilities are softmax(logits / temperature)."""
    return score_matrix(
        confusion(truth, logits.argmax(axis=1), len(labels)),
        split=split,
        labels=labels,
        calibration_error=expected_calibration_error(softmax(logits, temperature), truth),
    )


def selection_text(code: SelectionCode | None, sentence: str | None) -> str | None:
    """Describe how weights were selected; None where their card has no selection."""
    if code == "last":
        return "last epoch (no selection)"
    return None if sentence is None else f"selected by {sentence}"


def selection_code(scores: Mapping[str, Any]) -> SelectionCode | None:
    """Return by which protocol weights were selected, from a card's scores; None where the card has none.

    Cards before 0.2.0 have no code, only the sentence `selected_by`, which names the split.
    """
    code, sentence = scores.get("selection"), scores.get("selected_by")
    if code is None and isinstance(sentence, str):
        by_words: dict[str, SelectionCode] = {
            "the last epoch": "last",
            "last epoch": "last",
            "the validation split": "val-best",
            "held out": "val-best",
            "the test split": "test-best",
        }
        return next((known for words, known in by_words.items() if words in sentence), None)
    return next((known for known in get_args(SelectionCode) if known == code), None)
