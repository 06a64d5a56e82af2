"""The result of `fer eval` as typed values, and its conversion to result.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fercli import __version__
from fercli.data.dataset import Split
from fercli.evaluate.calibration import Calibration
from fercli.evaluate.degrade import Kind
from fercli.evaluate.prediction_table import PREDICTIONS_NAME
from fercli.evaluate.result_file import ModelFacts, ResultFile
from fercli.evaluate.scores import Score, SelectionCode
from fercli.formatting import Interval


@dataclass(frozen=True)
class CopiesInTrain:
    """Scored images whose exact pixels the data set's train split has too.

    count: None where it is unknown. message: the count and how it was determined, or why it is unknown. score_without: the score
    of the other images, None where there are none or no copies.
    """

    count: int | None
    message: str
    score_without: Score | None = None


@dataclass(frozen=True)
class SubsetScore:
    """The score on the images of a published list.

    listed: names in the list, some of which this split may lack. repeated: names that occur in it more than once; they are
    scored once. with_code: scored images for which the list states a class number; matching: those whose number fits.
    """

    name: str
    listed: int
    score: Score
    repeated: int
    with_code: int
    matching: int


@dataclass(frozen=True)
class SeverityScore:
    """The score at one severity of a degradation."""

    severity: float
    score: Score


@dataclass(frozen=True)
class DegradationCurve:
    """Accuracy against the severity of one degradation, on the same images throughout; clean: undegraded."""

    kind: Kind
    unit: str
    clean: Score
    points: tuple[SeverityScore, ...]

    @property
    def rows(self) -> list[tuple[float | None, Score]]:
        """All scores with their severities, the clean one first with severity None."""
        return [(None, self.clean), *((point.severity, point.score) for point in self.points)]


@dataclass(frozen=True)
class EndToEnd:
    """Raw pictures through detection, crop and model, as `fer predict` processes them.

    accuracy, accuracy_interval, mean_accuracy: of all pictures; one without a detected face is an error.
    images: pictures; detected, without_face, unreadable: how many of each. detected_score: of the pictures with a detected
    face, None if there are none.
    """

    data: str
    images: int
    detected: int
    without_face: int
    unreadable: int
    accuracy: float
    accuracy_interval: Interval
    mean_accuracy: float
    detected_score: Score | None
    detector: str


@dataclass(frozen=True)
class Composition:
    """The same images in batches of another composition.

    max_difference: of a logit against single-image batches; changed: images whose class differs from there.
    """

    name: str
    batch_size: int
    accuracy: float
    max_difference: float
    changed: int


@dataclass(frozen=True)
class EngineCheck:
    """One engine's logits in every batch composition. output: P_VIT, the prediction, or P_CBA, which only training uses."""

    engine: str
    output: str
    compositions: tuple[Composition, ...]

    @property
    def max_difference(self) -> float:
        """The largest difference of a logit in any composition; nan where a logit is."""
        return float(np.max([item.max_difference for item in self.compositions]))

    @property
    def changed(self) -> int:
        """The most images whose class a composition changed."""
        return max(item.changed for item in self.compositions)


@dataclass(frozen=True)
class BatchCheck:
    """The batch-invariance certificate: engines that were checked, and P_CBA for contrast.

    batch_part: the origin of the network that computes P_CBA, with its epoch; weights files do not hold its batch part.
    missing: a sentence on the engine that has no file, None where all have.
    """

    images: int
    tolerance: float
    engines: tuple[EngineCheck, ...]
    contrast: EngineCheck | None
    batch_part: str
    missing: str | None

    @property
    def passed(self) -> bool:
        """Whether no prediction depends on its batch: same classes, logits within rounding."""
        return all(check.max_difference <= self.tolerance and check.changed == 0 for check in self.engines)

    @property
    def checks(self) -> tuple[EngineCheck, ...]:
        """All checks, the contrast last."""
        return (*self.engines, self.contrast) if self.contrast else self.engines


@dataclass(frozen=True)
class EvaluationResult:
    """What `evaluate` measured. Classes are in the paper's order (Table 4); shares are in 0..1.

    selection, selected_by, epoch, seed: how training selected these weights, where their card has it.
    before, after: calibration at temperature 1 and at the card's. coverage: accuracy of the most confident share of images,
    by share. aurc: area under the risk-coverage curve.
    copies: images that also occur in train, and the score without them; None where the split is train itself.
    augmentation: what test-time augmentation was applied to every image of every score; None without.
    left_out: images of classes the model does not know, by class name; they are in no score.
    warnings: one sentence each on what limits the score.
    """

    model: ModelFacts
    selection: SelectionCode | None
    selected_by: str | None
    epoch: int | None
    seed: int | None
    data: str
    fingerprint: str | None
    split: Split
    score: Score
    before: Calibration
    after: Calibration
    coverage: Mapping[float, float]
    aurc: float
    copies: CopiesInTrain | None
    left_out: Mapping[str, int]
    augmentation: str | None = None
    subsets: tuple[SubsetScore, ...] = ()
    curves: tuple[DegradationCurve, ...] = ()
    end_to_end: EndToEnd | None = None
    batch_check: BatchCheck | None = None
    warnings: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the paper's order."""
        return self.score.labels


def to_result_file(result: EvaluationResult, *, with_predictions: bool = True) -> ResultFile:
    """Return everything that was measured, in the layout of result.json; with_predictions: predictions.csv is beside it."""
    copies = result.copies
    evaluation: dict[str, Any] = {
        "calibration": {"before": asdict(result.before), "after": asdict(result.after)},
        "coverage": {f"{share:g}": accuracy for share, accuracy in result.coverage.items()},
        "aurc": result.aurc,
        "train_copies": asdict(copies) if copies else None,
        "left_out": dict(result.left_out),
        "subsets": [asdict(subset) for subset in result.subsets],
        "degradations": [asdict(curve) for curve in result.curves],
        "end_to_end": asdict(result.end_to_end) if result.end_to_end else None,
        "batch_check": _batch_check(result.batch_check) if result.batch_check else None,
    }
    return ResultFile(
        command=f"fer eval {__version__}",
        dataset=result.data,
        fingerprint=result.fingerprint,
        labels=result.labels,
        model=result.model,
        selection=result.selection,
        selected_by=result.selected_by,
        epoch=result.epoch,
        seed=result.seed,
        test_time_augmentation=result.augmentation,
        scores=(result.score,),
        predictions={result.split: PREDICTIONS_NAME} if with_predictions else {},
        warnings=result.warnings,
        evaluation=evaluation,
    )


def _batch_check(check: BatchCheck) -> dict[str, Any]:
    largest = {f"{item.engine} {item.output}": item.max_difference for item in check.checks}
    return {**asdict(check), "passed": check.passed, "max_difference": largest}
