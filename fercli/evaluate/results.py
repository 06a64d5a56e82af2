"""What an evaluation measured, as typed values; and all of it as the plain record that result.json and --json show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.data.dataset import Split
from fercli.evaluate.calibration import Calibration
from fercli.evaluate.degrade import Kind
from fercli.evaluate.metrics import macro_f1, mean_class_accuracy, overall_accuracy, wilson_interval
from fercli.evaluate.resampling import Interval, bootstrap_tables, interval_of, macro_f1s, mean_class_accuracies
from fercli.evaluate.scores import SelectionCode

FLIP = "mean of the probabilities of a face and its mirror image"


@dataclass(frozen=True)
class Score:
    """Accuracy on a set of images; shares in 0..1, intervals 95 %.

    overall_interval: Wilson's. mean_interval, f1_interval: percentile bootstrap within classes.
    """

    n: int
    overall: float
    overall_interval: Interval
    mean_class: float
    mean_interval: Interval
    macro_f1: float
    f1_interval: Interval


def score_of(matrix: NDArray[np.int64], *, seed: int = 0) -> Score:
    """Score a confusion matrix [N, N] that counts at least one image."""
    n = int(matrix.sum())
    tables = bootstrap_tables(matrix, within_classes=True, seed=seed)
    return Score(
        n=n,
        overall=overall_accuracy(matrix),
        overall_interval=wilson_interval(int(np.trace(matrix)), n),
        mean_class=mean_class_accuracy(matrix),
        mean_interval=interval_of(mean_class_accuracies(tables)),
        macro_f1=macro_f1(matrix),
        f1_interval=interval_of(macro_f1s(tables)),
    )


@dataclass(frozen=True)
class CopiesInTrain:
    """Scored images whose exact pixels the data set's train split has too.

    count: None where it is not known. told: in words, with how it was found, or why it was not. others: the score of the
    other images, None where there are none, or where it is that of all.
    """

    count: int | None
    told: str
    others: Score | None = None


@dataclass(frozen=True)
class SubsetScore:
    """The score on the images of a published list; `listed` names are in it, the others are not in this split.

    repeated: names that stand in it more than once; they are scored once.
    """

    name: str
    listed: int
    score: Score
    repeated: int
    coded: int
    agreeing: int


@dataclass(frozen=True)
class SeverityScore:
    """The score of the sample at one severity of a degradation."""

    severity: float
    score: Score


@dataclass(frozen=True)
class Curve:
    """Accuracy against the severity of one degradation, on the same images throughout. clean: theirs as they are."""

    kind: Kind
    unit: str
    clean: Score
    points: tuple[SeverityScore, ...]


@dataclass(frozen=True)
class EndToEnd:
    """Raw pictures through detection, crop and model, as `fer predict` takes them.

    score: of all pictures, those without a face counted as errors; its mean class accuracy and F1 likewise.
    found_score: of those where a face was found, None if there was none. missed: no face; unreadable: no picture.
    """

    data: str
    n: int
    found: int
    missed: int
    unreadable: int
    overall: float
    overall_interval: Interval
    mean_class: float
    found_score: Score | None
    detector: str


@dataclass(frozen=True)
class Composition:
    """The same images in another company. max_difference: of a logit against answering one by one; changed: classes."""

    name: str
    batch: int
    overall: float
    max_difference: float
    changed: int


@dataclass(frozen=True)
class EngineCheck:
    """One engine's answers in every company. what: P_VIT, which is the answer, or P_CBA, which only training uses."""

    engine: str
    what: str
    compositions: tuple[Composition, ...]

    @property
    def largest(self) -> float:
        """The largest difference of a logit in any company; nan where a logit is."""
        return float(np.max([item.max_difference for item in self.compositions]))

    @property
    def changed(self) -> int:
        """The most classes that any company changed."""
        return max(item.changed for item in self.compositions)


@dataclass(frozen=True)
class BatchCheck:
    """The batch-invariance certificate: engines that were checked, and P_CBA for contrast.

    batch_part: where the network that computes P_CBA is from, and of which epoch; weights files do not hold its batch part.
    """

    n: int
    tolerance: float
    engines: tuple[EngineCheck, ...]
    contrast: EngineCheck | None
    batch_part: str
    missing: str | None

    @property
    def holds(self) -> bool:
        """Whether no answer depends on its company: same classes, logits within rounding."""
        return all(check.largest <= self.tolerance and check.changed == 0 for check in self.engines)


@dataclass(frozen=True)
class Model:
    """What was evaluated. sha256, parameters, macs: of the weights file and its network, None where nobody asked.

    selection, in words selected_by, epoch, seed: how training chose these weights, where their card says so.
    """

    name: str
    version: str
    preset: str
    engine: str
    device: str
    selection: SelectionCode | None
    selected_by: str | None
    epoch: int | None
    seed: int | None
    sha256: str | None = None
    parameters: int | None = None
    macs: int | None = None


@dataclass(frozen=True)
class EvaluationResult:
    """What `evaluate` measured. Classes are in the paper's order (Table 4); shares lie in 0..1.

    n_per_class, class_accuracy, class_interval: by class name; None where the split has no image of the class.
    confusion: counts, rows = truth. before, after: calibration at temperature 1 and at the card's.
    coverage: accuracy of the surest share of images, by share. aurc: area under the risk-coverage curve.
    copies: images that also occur in train, and the score without them; None where the split is train itself.
    augmentation: what was done at test time to every image of every score, in words; None where the answers are plain.
    left_out: images of classes the model does not know, by class name; they are in no score.
    warnings: one sentence each on what makes the score less than it seems.
    """

    model: Model
    data: str
    fingerprint: str | None
    split: Split
    labels: tuple[str, ...]
    score: Score
    n_per_class: Mapping[str, int]
    class_accuracy: Mapping[str, float | None]
    class_interval: Mapping[str, Interval | None]
    confusion: tuple[tuple[int, ...], ...]
    before: Calibration
    after: Calibration
    coverage: Mapping[float, float]
    aurc: float
    copies: CopiesInTrain | None
    left_out: Mapping[str, int]
    augmentation: str | None = None
    subsets: tuple[SubsetScore, ...] = ()
    curves: tuple[Curve, ...] = ()
    end_to_end: EndToEnd | None = None
    batch_check: BatchCheck | None = None
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if sum(map(sum, self.confusion)) != self.score.n or sum(self.n_per_class.values()) != self.score.n:
            raise ValueError(f"confusion matrix and class counts do not add up to {self.score.n} images")
        if tuple(self.n_per_class) != self.labels or tuple(self.class_accuracy) != self.labels:
            raise ValueError("class figures are not in the order of the labels")


def as_record(result: EvaluationResult) -> dict[str, Any]:
    """Everything as plain values, in the layout of result.json; class names instead of numbers throughout."""
    model, score, copies = result.model, result.score, result.copies
    record: dict[str, Any] = {
        "dataset": result.data,
        "split": result.split,
        "n": score.n,
        "n_per_class": dict(result.n_per_class),
        "overall_acc": score.overall,
        "overall_interval": list(score.overall_interval),
        "mean_acc": score.mean_class,
        "mean_interval": list(score.mean_interval),
        "per_class_acc": dict(result.class_accuracy),
        "per_class_interval": {name: list(i) if i else None for name, i in result.class_interval.items()},
        "macro_f1": score.macro_f1,
        "macro_f1_interval": list(score.f1_interval),
        "labels": list(result.labels),
        "confusion": [list(row) for row in result.confusion],
        "selection": model.selection,
        "selected_by": model.selected_by,
        "epoch": model.epoch,
        "seed": model.seed,
        "ckpt_sha256": model.sha256,
        "params": model.parameters,
        "macs": model.macs,
        "model": model.name,
        "version": model.version,
        "preset": model.preset,
        "engine": model.engine,
        "device": model.device,
        "fingerprint": result.fingerprint,
        "calibration": {"before": asdict(result.before), "after": asdict(result.after)},
        "coverage": {f"{share:g}": accuracy for share, accuracy in result.coverage.items()},
        "aurc": result.aurc,
        "train_copies": {"count": copies.count, "told": copies.told} if copies else None,
        "without_train_copies": _plain(copies.others if copies else None),
        "test_time_augmentation": result.augmentation,
        "left_out": dict(result.left_out),
        "subsets": [asdict(subset) for subset in result.subsets],
        "degradations": [asdict(curve) for curve in result.curves],
        "end_to_end": _plain(result.end_to_end),
        "batch_check": _check_record(result.batch_check),
        "warnings": list(result.warnings),
    }
    return record


def _plain(value: Score | EndToEnd | None) -> dict[str, Any] | None:
    return None if value is None else asdict(value)


def _check_record(check: BatchCheck | None) -> dict[str, Any] | None:
    if check is None:
        return None
    largest = {f"{item.engine} {item.what}": item.largest for item in (*check.engines, check.contrast) if item}
    return {**asdict(check), "holds": check.holds, "largest": largest}
