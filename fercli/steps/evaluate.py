"""Weights and a data set in, how well the one reads the other out: accuracy in its kinds, calibration, confusion."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.core.card import WeightsCard
from fercli.core.metrics import (
    class_accuracy,
    confusion,
    expected_calibration_error,
    macro_f1,
    mean_class_accuracy,
    overall_accuracy,
    wilson_interval,
)
from fercli.errors import DataError
from fercli.media.images import Rgb
from fercli.media.plots import plot_confusion
from fercli.progress import Progress, silent
from fercli.store.alignment import alignment_differences
from fercli.store.atomic import refuse_existing_folder, replacing_folder
from fercli.store.datasets import SPLITS, Dataset, Sample, Split, open_dataset
from fercli.store.datasets.crops import load_crop
from fercli.store.datasets.records import paper_order
from fercli.store.inference import Classifier, load_classifier

RESULT_NAME = "result.json"
_FAULTS_SHOWN = 5


@dataclass(frozen=True)
class Score:
    """Accuracy on a set of images; shares lie in 0..1. interval: Wilson's 95 % interval of `overall`."""

    n: int
    overall: float
    interval: tuple[float, float]
    mean_class: float


@dataclass(frozen=True)
class EvaluationResult:
    """What `evaluate` measured. Classes are in the paper's order (Table 4); shares lie in 0..1.

    n_per_class, class_accuracy: by class name; an accuracy is None where the split has no image of the class.
    confusion: counts, rows = truth. ece: expected calibration error, 15 bins.
    without_train_copies: the score without images that also occur in train, None where none is known to.
    left_out: images of classes the model does not know, by class name; they are in no score.
    warnings: one sentence each on what makes the score less than it seems.
    """

    model: str
    version: str
    data: str
    fingerprint: str | None
    split: Split
    labels: tuple[str, ...]
    score: Score
    n_per_class: Mapping[str, int]
    class_accuracy: Mapping[str, float | None]
    macro_f1: float
    ece: float
    temperature: float
    confusion: tuple[tuple[int, ...], ...]
    without_train_copies: Score | None
    left_out: Mapping[str, int]
    engine: str
    device: str
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if sum(map(sum, self.confusion)) != self.score.n or sum(self.n_per_class.values()) != self.score.n:
            raise ValueError(f"confusion matrix and class counts do not add up to {self.score.n} images")
        if tuple(self.n_per_class) != self.labels or tuple(self.class_accuracy) != self.labels:
            raise ValueError("class figures are not in the order of the labels")


def evaluate(
    weights: str | Path | None,
    data: str,
    *,
    folder: Path | None = None,
    split: Split = "test",
    batch: int = 64,
    engine: str = "auto",
    device: str = "auto",
    out: Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> EvaluationResult:
    """Score weights on one split of a data set; labels are matched by name, never by number.

    weights, data: names or paths (`folder`: where a named data set lies). out: a new folder that gets result.json,
    predictions.csv, confusion.csv and confusion.png.
    Errors: DataError where the split has no image the model could name, or images cannot be read; RefusedError where
    `out` exists; WeightsError and DeviceError from the classifier.
    """
    if out is not None:
        refuse_existing_folder(out, overwrite=overwrite, mark=RESULT_NAME)
    dataset = open_dataset(data, folder)
    samples = _samples(dataset, split)
    classifier = load_classifier(weights, engine, device)
    answers = _answers(classifier, dataset, samples, batch=batch, progress=progress)
    result = _result(classifier, dataset, samples, answers)
    if out is not None:
        with replacing_folder(out) as place:
            _write(place, result, answers, root=dataset.root)
    return result


@dataclass(frozen=True)
class _Answers:
    """The scored images: true class indices [B] and probabilities [B, N], classes as in `labels`."""

    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    def confusion(self, chosen: NDArray[np.bool_] | slice = slice(None)) -> NDArray[np.int64]:
        """Confusion matrix [N, N] of the chosen images."""
        guess = self.probabilities[chosen].argmax(axis=1)
        return confusion(self.truth[chosen], guess, len(self.labels))


def _samples(dataset: Dataset, split: Split) -> tuple[Sample, ...]:
    samples = dataset.split(split)
    if not samples:
        others = [name for name in SPLITS if dataset.split(name)]
        raise DataError(
            f"{dataset.name} at {dataset.root} has no {split} images",
            fix=f"--split {others[-1]}" if others else "another data set",
        )
    return samples


def _name(dataset: Dataset, sample: Sample) -> str:
    if sample.label is None:
        raise ValueError(f"{sample.path} has no label")
    return dataset.labels[sample.label]


def _answers(
    classifier: Classifier, dataset: Dataset, samples: Sequence[Sample], *, batch: int, progress: Progress
) -> _Answers:
    card = classifier.card
    known = tuple(sample for sample in samples if _name(dataset, sample) in card.labels)
    if not known:
        raise DataError(
            f"{card.name} knows none of the classes of {dataset.name}",
            fix=f"the model's classes: {', '.join(card.labels)}; the data's: {', '.join(dataset.labels)}",
        )
    labels = paper_order(set(card.labels))
    order = [card.labels.index(label) for label in labels]
    return _Answers(
        samples=known,
        labels=labels,
        truth=np.array([labels.index(_name(dataset, sample)) for sample in known]),
        probabilities=_classify(classifier, known, batch=batch, progress=progress)[:, order],
    )


def _classify(
    classifier: Classifier, samples: Sequence[Sample], *, batch: int, progress: Progress
) -> NDArray[np.float32]:
    """Probabilities [B, N] in the card's order; DataError names the images that cannot be read."""
    size = classifier.card.model.input.size
    parts: list[NDArray[np.float32]] = []
    faults: list[str] = []
    for start in range(0, len(samples), batch):
        crops: list[Rgb] = []
        for sample in samples[start : start + batch]:
            try:
                crops.append(load_crop(sample, size))
            except DataError as fault:
                faults.append(fault.message)
        if not faults:
            parts.append(classifier.classify(np.stack(crops)))
        progress(min(start + batch, len(samples)), len(samples), "")
    if faults:
        more = f"; and {len(faults) - _FAULTS_SHOWN} more" if len(faults) > _FAULTS_SHOWN else ""
        raise DataError(
            f"{len(faults)} of {len(samples)} images cannot be read: " + "; ".join(faults[:_FAULTS_SHOWN]) + more,
            fix="replace or remove these files",
        )
    return np.concatenate(parts)


def _result(classifier: Classifier, dataset: Dataset, samples: Sequence[Sample], answers: _Answers) -> EvaluationResult:
    card, labels, matrix = classifier.card, answers.labels, answers.confusion()
    scored = set(labels)
    left_out = Counter(name for sample in samples if (name := _name(dataset, sample)) not in scored)
    return EvaluationResult(
        model=card.name,
        version=card.version,
        data=dataset.name,
        fingerprint=dataset.fingerprint,
        split=samples[0].split,
        labels=labels,
        score=_score(matrix),
        n_per_class=dict(zip(labels, matrix.sum(axis=1).tolist(), strict=True)),
        class_accuracy=dict(zip(labels, map(_number, class_accuracy(matrix)), strict=True)),
        macro_f1=macro_f1(matrix),
        ece=expected_calibration_error(answers.probabilities, answers.truth),
        temperature=card.temperature,
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        without_train_copies=_score_without_copies(dataset, answers),
        left_out=dict(left_out),
        engine=classifier.engine,
        device=classifier.device,
        warnings=_warnings(dataset, card, left_out, unwritten=dataset.unwritten.get(samples[0].split, 0)),
    )


def _score(matrix: NDArray[np.int64]) -> Score:
    n = int(matrix.sum())
    return Score(
        n=n,
        overall=overall_accuracy(matrix),
        interval=wilson_interval(int(np.trace(matrix)), n),
        mean_class=mean_class_accuracy(matrix),
    )


def _score_without_copies(dataset: Dataset, answers: _Answers) -> Score | None:
    if answers.samples[0].split == "train":
        return None
    trained = {sample.group for sample in dataset.split("train", with_unlabelled=True)} - {None}
    fresh = np.array([sample.group not in trained for sample in answers.samples])  # [B]
    if fresh.all() or not fresh.any():
        return None
    return _score(answers.confusion(fresh))


def _warnings(dataset: Dataset, card: WeightsCard, left_out: Mapping[str, int], *, unwritten: int) -> tuple[str, ...]:
    found: list[str] = []
    if left_out:
        listed = ", ".join(f"{name} ({count})" for name, count in left_out.items())
        found.append(f"{card.name} does not know {listed}: these images are in no score")
    if unwritten:
        found.append(f"{unwritten} labelled images have no file (no face was found in them): they are in no score")
    if dataset.crop is not None and dataset.crop != card.crop.name:
        found.append(f"the images are aligned to {dataset.crop}, {card.name} was trained on {card.crop.name} crops")
    else:
        found += _other_alignment(dataset, card)
    return tuple(found)


def _other_alignment(dataset: Dataset, card: WeightsCard) -> list[str]:
    """A sentence if the record of the images' alignment is not that of the images the model was trained on."""
    if "alignment" not in card.data:
        return []
    trained = card.data["alignment"]
    if (dataset.alignment is None) != (trained is None):
        here, there = ("not ", "were") if dataset.alignment is None else ("", "were not")
        return [f"the images are {here}aligned by fer align, those that {card.name} was trained on {there}"]
    differences = alignment_differences(trained, dataset.alignment or {})
    return [f"the images are aligned otherwise than {card.name} was trained: {differences}"] if differences else []


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _write(folder: Path, result: EvaluationResult, answers: _Answers, *, root: Path) -> None:
    labels = result.labels
    text = json.dumps(asdict(result), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / RESULT_NAME).write_text(text + "\n", encoding="utf-8")
    with (folder / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "label", "pred", *(f"p_{label}" for label in labels)])
        for sample, true, row in zip(answers.samples, answers.truth, answers.probabilities, strict=True):
            writer.writerow(
                [sample.called(root), labels[true], labels[row.argmax()], *(f"{share:.6f}" for share in row)]
            )
    with (folder / "confusion.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["truth", *labels])
        writer.writerows([label, *row] for label, row in zip(labels, result.confusion, strict=True))
    title = f"{result.model} on {result.data} {result.split}: {100 * result.score.overall:.2f} %"
    plot_confusion(folder / "confusion.png", np.array(result.confusion), labels, title=title)
