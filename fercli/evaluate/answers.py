"""A classifier and samples of a data set in, its logits beside the truth out: what every measurement starts from.

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
from fercli.evaluate.metrics import confusion
from fercli.media.images import Rgb
from fercli.progress import Progress, silent
from fercli.weights.classifier import Classifier
from fercli.weights.preprocess import mirror, softmax, softmax_of_both

_FAULTS_SHOWN = 5

Change = Callable[[int, Rgb], Rgb]  # a place among the samples and its crop as it is on disk, to another crop


@dataclass(frozen=True)
class Answers:
    """What was answered about images of known classes. labels: in the paper's order; columns and indices refer to it.

    truth: int64 [B]. logits: float32 [B, N]. temperature: the card's. mirrored: logits [B, N] of the mirror images, where an answer
    is the mean of the probabilities of both; None where it is the picture's own.
    """

    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    logits: NDArray[np.float32]
    temperature: float
    mirrored: NDArray[np.float32] | None = None

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Probabilities at the card's temperature: float32 [B, N]."""
        return self.probabilities_at(self.temperature)

    def probabilities_at(self, temperature: float) -> NDArray[np.float32]:
        """Softmax of the logits, or the mean of theirs and their mirror images': float32 [B, N]."""
        if self.mirrored is None:
            return softmax(self.logits, temperature)
        return softmax_of_both(self.logits, self.mirrored, temperature)

    @property
    def guess(self) -> NDArray[np.int64]:
        """The class with the highest logit, or mean probability: int64 [B]."""
        return (self.logits if self.mirrored is None else self.probabilities).argmax(axis=1)

    def confusion(self, chosen: NDArray[np.bool_] | Sequence[int] | None = None) -> NDArray[np.int64]:
        """Confusion matrix [N, N] of all images, or of the chosen ones."""
        kept = slice(None) if chosen is None else np.asarray(chosen)
        return confusion(self.truth[kept], self.guess[kept], len(self.labels))


def samples_of(dataset: Dataset, split: Split) -> tuple[Sample, ...]:
    """Labelled images of a split; DataError names another split that has some."""
    samples = dataset.split(split)
    if not samples:
        others = [name for name in SPLITS if dataset.split(name)]
        raise DataError(
            f"{dataset.name} at {dataset.root} has no {split} images",
            fix=f"--split {others[-1]}" if others else "another data set",
        )
    return samples


def class_name(dataset: Dataset, sample: Sample) -> str:
    """The name of a labelled sample's class."""
    if sample.label is None:
        raise ValueError(f"{sample.path} has no label")
    return dataset.labels[sample.label]


def known_samples(classifier: Classifier, dataset: Dataset, samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Samples of classes that the model has; DataError if there are none."""
    card = classifier.card
    known = tuple(sample for sample in samples if class_name(dataset, sample) in card.labels)
    if not known:
        raise DataError(
            f"{card.name} knows none of the classes of {dataset.name}",
            fix=f"the model's classes: {', '.join(card.labels)}; the data's: {', '.join(dataset.labels)}",
        )
    return known


def answers_on(
    classifier: Classifier,
    dataset: Dataset,
    samples: Sequence[Sample],
    *,
    batch: int = 64,
    change: Change | None = None,
    flip: bool = False,
    progress: Progress = silent,
) -> Answers:
    """Run the model over crops of classes it has, read from disk and, if `change` says so, altered first.

    flip: over their mirror images as well; an answer is then the mean of both.
    Errors: DataError names the images that cannot be read.
    """
    size = classifier.card.model.input.size
    parts: list[NDArray[np.float32]] = []
    mirrored: list[NDArray[np.float32]] = []
    faults: list[str] = []
    for start in range(0, len(samples), batch):
        crops: list[Rgb] = []
        for place, sample in enumerate(samples[start : start + batch], start):
            try:
                crops.append(load_crop(sample, size, change=change and partial(change, place)))
            except DataError as fault:
                faults.append(fault.message)
        if not faults:
            stack = np.stack(crops)
            parts.append(classifier.logits(stack))
            if flip:
                mirrored.append(classifier.logits(mirror(stack)))
        progress(min(start + batch, len(samples)), len(samples), "")
    if faults:
        more = f"; and {len(faults) - _FAULTS_SHOWN} more" if len(faults) > _FAULTS_SHOWN else ""
        raise DataError(
            f"{len(faults)} of {len(samples)} images cannot be read: " + "; ".join(faults[:_FAULTS_SHOWN]) + more,
            fix="replace or remove these files",
        )
    both = np.concatenate(mirrored) if flip else None
    return as_answers(classifier, dataset, samples, np.concatenate(parts), both)


def as_answers(
    classifier: Classifier,
    dataset: Dataset,
    samples: Sequence[Sample],
    logits: NDArray[np.float32],
    mirrored: NDArray[np.float32] | None = None,
) -> Answers:
    """Put logits [B, N] in the card's order of classes beside the truth, both in the paper's order."""
    card = classifier.card
    labels = paper_order(set(card.labels))
    columns = [card.labels.index(label) for label in labels]
    return Answers(
        samples=tuple(samples),
        labels=labels,
        truth=np.array([labels.index(class_name(dataset, sample)) for sample in samples], np.int64),
        logits=logits[:, columns],
        temperature=card.temperature,
        mirrored=None if mirrored is None else mirrored[:, columns],
    )
