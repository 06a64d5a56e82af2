"""The folder of `fer eval --out`: result.json, tables, plots and the HTML report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fercli.evaluate.calibration import risk_coverage
from fercli.evaluate.dataset_predictions import DatasetPredictions
from fercli.evaluate.end_to_end import PicturePrediction
from fercli.evaluate.page import write_page
from fercli.evaluate.plots import plot_confusion, plot_reliability, plot_risk_coverage, plot_severities
from fercli.evaluate.prediction_table import PREDICTIONS_NAME, PredictionTable, write_predictions
from fercli.evaluate.result_file import RESULT_NAME, write_result
from fercli.evaluate.results import DegradationCurve, EvaluationResult, to_result_file
from fercli.evaluate.robustness import example
from fercli.formatting import percent
from fercli.media.figures import plots_available
from fercli.system.csv_file import write_rows
from fercli.system.environment import environment
from fercli.system.json_file import write_json

_EXAMPLES = 2  # faces below a curve
_EXAMPLE_SIDE = 96  # px


@dataclass(frozen=True)
class Details:
    """What belongs to a result and is too long for it. root: of the data set; settings: how the evaluation was run."""

    predictions: DatasetPredictions
    root: Path
    pictures: Sequence[PicturePrediction]
    pictures_root: Path | None
    settings: Mapping[str, object]
    seed: int


def write_evaluation(folder: Path, result: EvaluationResult, details: Details) -> None:
    """Write everything into an empty folder; plots only where matplotlib is installed."""
    predictions = details.predictions
    write_result(folder / RESULT_NAME, to_result_file(result))
    write_json(folder / "environment.json", environment(), default=str)
    write_predictions(folder / PREDICTIONS_NAME, _table(predictions, details.root))
    _write_classes(folder, result)
    if plots_available():
        title = f"{result.model.name} on {result.data} {result.split}: {percent(result.score.accuracy, 2)}"
        plot_confusion(folder / "confusion.png", np.array(result.score.confusion), result.labels, title=title)
        panels = [("before temperature", result.before), ("after temperature", result.after)]
        plot_reliability(folder / "reliability.png", panels)
    _write_risk(folder, predictions)
    if result.curves:
        _write_curves(folder, result.curves, details)
    if result.end_to_end:
        _write_pictures(folder, details)
    write_page(folder, result, predictions, root=details.root, settings=details.settings)


def _table(predictions: DatasetPredictions, root: Path) -> PredictionTable:
    labels = predictions.labels
    return PredictionTable(
        sources=tuple(sample.called(root) for sample in predictions.samples),
        labels=labels,
        truth=tuple(labels[index] for index in predictions.truth),
        predicted=tuple(labels[index] for index in predictions.predicted),
        probabilities=predictions.probabilities.astype(np.float64),
    )


def _write_classes(folder: Path, result: EvaluationResult) -> None:
    score = result.score
    rows = [
        [label, score.class_images[label], score.class_accuracy[label], *(score.class_interval[label] or ("", ""))]
        for label in score.labels
    ]
    write_rows(folder / "classes.csv", ["class", "images", "accuracy", "low", "high"], rows)
    matrix = [[label, *row] for label, row in zip(score.labels, score.confusion, strict=True)]
    write_rows(folder / "confusion.csv", ["truth", *score.labels], matrix)
    columns = ("n", "confidence", "accuracy")
    bins = [
        [f"{before.low:.4f}", f"{before.high:.4f}", *(getattr(b, name) for b in (before, after) for name in columns)]
        for before, after in zip(result.before.bins, result.after.bins, strict=True)
    ]
    head = ["low", "high", *(f"{name}_{when}" for when in ("before", "after") for name in columns)]
    write_rows(folder / "reliability.csv", head, bins)


def _write_risk(folder: Path, predictions: DatasetPredictions) -> None:
    curve = risk_coverage(predictions.probabilities, predictions.truth)
    if plots_available():
        plot_risk_coverage(folder / "risk_coverage.png", curve)
    rows = [[f"{c:.6f}", f"{r:.6f}"] for c, r in zip(curve.coverage, curve.risk, strict=True)]
    write_rows(folder / "risk_coverage.csv", ["coverage", "risk"], rows)


def _write_curves(folder: Path, curves: Sequence[DegradationCurve], details: Details) -> None:
    rows: list[list[object]] = []
    samples = details.predictions.samples
    shown = [samples[index] for index in np.linspace(0, len(samples) - 1, _EXAMPLES + 2).round().astype(int)[1:-1]]
    for curve in curves:
        rows += [
            [
                curve.kind,
                severity,
                curve.unit,
                score.images,
                score.accuracy,
                *score.accuracy_interval,
                score.mean_accuracy,
            ]
            for severity, score in curve.rows
        ]
        if plots_available():
            faces = [
                example(sample, details.root, curve.kind, side=_EXAMPLE_SIDE, seed=details.seed) for sample in shown
            ]
            plot_severities(folder / f"degrade-{curve.kind}.png", curve, examples=faces)
    head = ["kind", "severity", "unit", "images", "accuracy", "low", "high", "mean_accuracy"]
    write_rows(folder / "degrade.csv", head, rows)


def _write_pictures(folder: Path, details: Details) -> None:
    root = details.pictures_root or details.root
    rows = [
        [
            picture.sample.called(root),
            picture.truth,
            picture.status,
            picture.label,
            picture.probability and f"{picture.probability:.6f}",
            picture.faces,
        ]
        for picture in details.pictures
    ]
    head = ["source", "truth", "status", "label", "probability", "faces"]
    write_rows(folder / "end_to_end.csv", head, rows)
