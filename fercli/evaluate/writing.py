"""An evaluation in, the files of its folder out: json, tables, pictures and the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fercli.evaluate.answers import Answers
from fercli.evaluate.calibration import risk_coverage
from fercli.evaluate.degradations import example, falls
from fercli.evaluate.end_to_end import RawAnswer
from fercli.evaluate.files import PREDICTIONS_NAME, RESULT_NAME, Predictions, write_predictions, write_rows
from fercli.evaluate.page import write_page
from fercli.evaluate.plots import plot_confusion, plot_reliability, plot_risk_coverage, plot_severities
from fercli.evaluate.results import Curve, EvaluationResult, as_record
from fercli.weights.run_folder import environment, write_json

_EXAMPLES = 2  # faces below a curve
_EXAMPLE_SIDE = 96  # px


@dataclass(frozen=True)
class Details:
    """What belongs to a result and is too long for it. root: of the data set; settings: how the run was made."""

    answers: Answers
    root: Path
    raw: Sequence[RawAnswer]
    raw_root: Path | None
    settings: Mapping[str, object]
    seed: int


def write_evaluation(folder: Path, result: EvaluationResult, details: Details) -> None:
    """Write everything into an empty folder."""
    answers = details.answers
    text = json.dumps(as_record(result), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / RESULT_NAME).write_text(text + "\n", encoding="utf-8")
    write_json(folder / "environment.json", environment())
    write_predictions(folder / PREDICTIONS_NAME, _predictions(answers, details.root))
    _write_classes(folder, result)
    title = f"{result.model.name} on {result.data} {result.split}: {100 * result.score.overall:.2f} %"
    plot_confusion(folder / "confusion.png", np.array(result.confusion), result.labels, title=title)
    panels = [("before temperature", result.before), ("after temperature", result.after)]
    plot_reliability(folder / "reliability.png", panels)
    _write_risk(folder, answers)
    if result.curves:
        _write_curves(folder, result.curves, details)
    if result.end_to_end:
        _write_raw(folder, details)
    write_page(folder, result, answers, root=details.root, settings=details.settings)


def _predictions(answers: Answers, root: Path) -> Predictions:
    labels = answers.labels
    return Predictions(
        paths=tuple(sample.called(root) for sample in answers.samples),
        labels=labels,
        truth=tuple(labels[place] for place in answers.truth),
        guess=tuple(labels[place] for place in answers.guess),
        probabilities=answers.probabilities.astype(np.float64),
    )


def _write_classes(folder: Path, result: EvaluationResult) -> None:
    rows = [
        [label, result.n_per_class[label], result.class_accuracy[label], *(result.class_interval[label] or ("", ""))]
        for label in result.labels
    ]
    write_rows(folder / "classes.csv", ["class", "images", "accuracy", "low", "high"], rows)
    matrix = [[label, *row] for label, row in zip(result.labels, result.confusion, strict=True)]
    write_rows(folder / "confusion.csv", ["truth", *result.labels], matrix)
    columns = ("n", "confidence", "accuracy")
    bins = [
        [f"{a.low:.4f}", f"{a.high:.4f}", *(getattr(b, name) for b in (a, c) for name in columns)]
        for a, c in zip(result.before.bins, result.after.bins, strict=True)
    ]
    head = ["low", "high", *(f"{name}_{when}" for when in ("before", "after") for name in columns)]
    write_rows(folder / "reliability.csv", head, bins)


def _write_risk(folder: Path, answers: Answers) -> None:
    curve = risk_coverage(answers.probabilities, answers.truth)
    wrong = np.sort(answers.guess != answers.truth)
    plot_risk_coverage(folder / "risk_coverage.png", curve, mistakes_last=wrong.cumsum() / np.arange(1, len(wrong) + 1))
    rows = [[f"{c:.6f}", f"{r:.6f}"] for c, r in zip(curve.coverage, curve.risk, strict=True)]
    write_rows(folder / "risk_coverage.csv", ["coverage", "risk"], rows)


def _write_curves(folder: Path, curves: Sequence[Curve], details: Details) -> None:
    rows: list[list[object]] = []
    samples = details.answers.samples
    shown = [samples[place] for place in np.linspace(0, len(samples) - 1, _EXAMPLES + 2).round().astype(int)[1:-1]]
    for curve in curves:
        points = falls(curve)
        rows += [
            [curve.kind, severity, curve.unit, score.n, score.overall, *score.overall_interval, score.mean_class]
            for severity, score in points
        ]
        plot_severities(
            folder / f"degrade-{curve.kind}.png",
            ["as it is", *(f"{point.severity:g}" for point in curve.points)],
            [score.overall for _, score in points],
            [score.overall_interval for _, score in points],
            mean_class=[score.mean_class for _, score in points],
            examples=[
                example(sample, details.root, curve.kind, side=_EXAMPLE_SIDE, seed=details.seed) for sample in shown
            ],
            title=f"{curve.kind} ({curve.unit}), {curve.clean.n} images",
        )
    head = ["kind", "severity", "unit", "images", "overall_acc", "low", "high", "mean_acc"]
    write_rows(folder / "degrade.csv", head, rows)


def _write_raw(folder: Path, details: Details) -> None:
    root = details.raw_root or details.root
    rows = [
        [
            answer.sample.called(root),
            answer.label,
            answer.status,
            answer.answer,
            answer.probability and f"{answer.probability:.6f}",
            answer.faces,
        ]
        for answer in details.raw
    ]
    write_rows(folder / "end_to_end.csv", ["path", "label", "status", "pred", "probability", "faces"], rows)
