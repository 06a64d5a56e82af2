"""The predictions of a network for the labelled images of a data set, which every measurement starts from.

Letters: B images, N classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fercli.data.crops import load_crop
from fercli.data.dataset import SPLITS, Dataset, Sample, Split, paper_order
from fercli.errors import DataError
from fercli.evaluate.calibration import expected_calibration_error
from fercli.evaluate.metrics import confusion
from fercli.evaluate.scores import Score, score_matrix
from fercli.formatting import pluralize
from fercli.media.images import Rgb
from fercli.progress import Progress, silent
from fercli.system.chunks import chunked
from fercli.weights.classifier import Classifier
from fercli.weights.preprocess import flip_averaged_softmax, mirror, softmax

_ERRORS_SHOWN = 5

CropChange = Callable[[int, Rgb], Rgb]  # index among the samples and the crop as it is on disk -> another crop


@dataclass(frozen=True)
class DatasetPredictions:
    """Predictions for images of known classes. labels: in the paper's order; columns and class indices refer to it.

    truth: int64 [B]. logits: float32 [B, N]. temperature: the card's. flipped: logits [B, N] of the mirror images where
    test-time augmentation averages the probabilities of both, else None.
    """

    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    logits: NDArray[np.float32]
    temperature: float
    flipped: NDArray[np.float32] | None = None

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Probabilities at the card's temperature: float32 [B, N]."""
        return self.probabilities_at(self.temperature)

    def probabilities_at(self, temperature: float) -> NDArray[np.float32]:
        """Return the softmax of the logits, or its mean over each image and its mirror image: float32 [B, N]."""
        if self.flipped is None:
            return softmax(self.logits, temperature)
        return flip_averaged_softmax(self.logits, self.flipped, temperature)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The class with the highest logit, or mean probability: int64 [B]."""
        return (self.logits if self.flipped is None else self.probabilities).argmax(axis=1)

    def score(self, chosen: NDArray[np.bool_] | Sequence[int] | None = None, *, seed: int = 0) -> Score:
        """Score all images, or the chosen ones; seed: of the bootstrap."""
        kept = slice(None) if chosen is None else np.asarray(chosen)
        truth = self.truth[kept]
        return score_matrix(
            confusion(truth, self.predicted[kept], len(self.labels)),
            split=self.samples[0].split,
            labels=self.labels,
            calibration_error=expected_calibration_error(self.probabilities[kept], truth),
            seed=seed,
        )


def labelled_samples(dataset: Dataset, split: Split) -> tuple[Sample, ...]:
    """Return the labelled images of a split; DataError names another split that has some."""
    samples = dataset.split(split)
    if not samples:
        others = [name for name in SPLITS if dataset.split(name)]
        raise DataError(
            f"{dataset.name} at {dataset.root} has no {split} images",
            fix=f"--split {others[-1]}" if others else "another data set",
        )
    return samples


def class_name(dataset: Dataset, sample: Sample) -> str:
    """Return the name of a labelled sample's class."""
    if sample.label is None:
        raise ValueError(f"{sample.path} has no label")
    return dataset.labels[sample.label]


def known_samples(classifier: Classifier, dataset: Dataset, samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Return the samples of classes that the model has; DataError if there are none."""
    card = classifier.card
    known = tuple(sample for sample in samples if class_name(dataset, sample) in card.labels)
    if not known:
        raise DataError(
            f"{card.name} has none of the classes of {dataset.name}",
            fix=f"the model's classes: {', '.join(card.labels)}; the data's: {', '.join(dataset.labels)}",
        )
    return known


def predict_samples(
    classifier: Classifier,
    dataset: Dataset,
    samples: Sequence[Sample],
    *,
    batch_size: int = 64,
    change: CropChange | None = None,
    flip: bool = False,
    progress: Progress = silent,
) -> DatasetPredictions:
    """Run the model over crops of classes it has, read from disk and altered by `change` if it is given.

    flip: over their mirror images as well (test-time augmentation).
    Raises: DataError names the images that cannot be read.
    """
    size = classifier.card.model.input.size
    logits: list[NDArray[np.float32]] = []
    flipped: list[NDArray[np.float32]] = []
    errors: list[str] = []
    for chunk in chunked(list(enumerate(samples)), batch_size):
        crops: list[Rgb] = []
        for index, sample in chunk:
            try:
                crops.append(load_crop(sample, size, change=change and partial(change, index)))
            except DataError as error:
                errors.append(error.message)
        if not errors:
            stack = np.stack(crops)
            logits.append(classifier.logits(stack))
            if flip:
                flipped.append(classifier.logits(mirror(stack)))
        progress(chunk[-1][0] + 1, len(samples), "")
    if errors:
        more = f"; and {len(errors) - _ERRORS_SHOWN} more" if len(errors) > _ERRORS_SHOWN else ""
        raise DataError(
            f"could not read {len(errors)} of {pluralize(len(samples), 'image')}: "
            + "; ".join(errors[:_ERRORS_SHOWN])
            + more,
            fix="replace or remove these files",
        )
    return in_paper_order(
        classifier, dataset, samples, np.concatenate(logits), np.concatenate(flipped) if flip else None
    )


def in_paper_order(
    classifier: Classifier,
    dataset: Dataset,
    samples: Sequence[Sample],
    logits: NDArray[np.float32],
    flipped: NDArray[np.float32] | None = None,
) -> DatasetPredictions:
    """Put logits [B, N] in the card's class order beside the truth, both in the paper's class order."""
    card = classifier.card
    labels = paper_order(set(card.labels))
    columns = [card.labels.index(label) for label in labels]
    return DatasetPredictions(
        samples=tuple(samples),
        labels=labels,
        truth=np.array([labels.index(class_name(dataset, sample)) for sample in samples], np.int64),
        logits=logits[:, columns],
        temperature=card.temperature,
        flipped=None if flipped is None else flipped[:, columns],
    )
