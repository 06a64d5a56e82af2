"""The report of `fer eval`: one self-contained HTML page with scores, plots and the most confident errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from fercli import __version__
from fercli.evaluate.dataset_predictions import DatasetPredictions
from fercli.evaluate.results import BatchCheck, EvaluationResult
from fercli.evaluate.scores import Score, selection_text
from fercli.formatting import in_percent, interval_percent, percent, probability_percent
from fercli.html.pages import write_template
from fercli.html.parts import FaceCard, Table, Tile, face_card
from fercli.system.files import replacing

REPORT_NAME = "report.html"
_MAX_ERRORS = 32
_SHOWN_COVERAGE = 0.8  # the tile shows the nearest requested one


@dataclass(frozen=True)
class _Errors:
    note: str
    cards: list[FaceCard]


@dataclass(frozen=True)
class _CurveSection:
    kind: str
    plot: bytes | None
    table: Table


@dataclass(frozen=True)
class _BatchSection:
    verdict: str
    tables: list[Table]
    missing: str | None


def write_page(
    folder: Path,
    result: EvaluationResult,
    predictions: DatasetPredictions,
    *,
    root: Path,
    settings: Mapping[str, object],
) -> None:
    """Write report.html from the result and the plots that are in the folder already."""
    model = result.model
    subtitle = f"{result.split} split, {result.score.images:,} images, {model.engine} on {model.device}"
    if model.convention:
        subtitle += f", label convention {model.convention}"
    if model.prior:
        subtitle += f", class shares {model.prior}"
    if result.augmentation:
        subtitle += f"; test-time augmentation: {result.augmentation}"
    with replacing(folder / REPORT_NAME) as temporary:
        write_template(
            temporary,
            "evaluate/page.html",
            title=f"{model.name} on {result.data}",
            subtitle=subtitle,
            warnings=result.warnings,
            tiles=_tiles(result),
            scores=_scores(result),
            copies=result.copies.message if result.copies else None,
            classes=_classes(result),
            confusion=_plot(folder, "confusion.png"),
            calibration=_calibration(result),
            reliability=_plot(folder, "reliability.png"),
            coverage=_coverage(result),
            risk_coverage=_plot(folder, "risk_coverage.png"),
            curves=_curves(folder, result),
            end_to_end=_end_to_end(result),
            batch=_batch(result.batch_check) if result.batch_check else None,
            errors=_errors(predictions, root),
            settings=_settings(result, settings),
        )


def _tiles(result: EvaluationResult) -> list[Tile]:
    score = result.score
    share = min(result.coverage, key=lambda share: abs(share - _SHOWN_COVERAGE))
    return [
        Tile("Accuracy", percent(score.accuracy, 2), interval_percent(score.accuracy_interval)),
        Tile("Mean class accuracy", percent(score.mean_accuracy, 2), interval_percent(score.mean_accuracy_interval)),
        Tile("Macro F1", percent(score.macro_f1, 2), interval_percent(score.macro_f1_interval)),
        Tile(
            "Calibration error (ECE)",
            percent(result.after.ece, 2),
            f"{percent(result.before.ece, 2)} before temperature",
        ),
        Tile(f"Accuracy at {100 * share:g} % coverage", percent(result.coverage[share], 2), f"AURC {result.aurc:.4f}"),
    ]


def _scores(result: EvaluationResult) -> Table:
    rows = [_score_row("all images", result.score)]
    if result.copies and result.copies.score_without:
        rows.append(_score_row("without images that also occur in train", result.copies.score_without))
    rows += [_score_row(f"listed in {subset.name}", subset.score) for subset in result.subsets]
    head = ("images", "number", "accuracy %", "95 % interval", "mean class %", "95 % interval", "macro F1 %")
    return Table("Intervals: Wilson's for accuracy, bootstrap within classes for the other two.", head, rows)


def _score_row(name: str, score: Score) -> list[object]:
    return [
        name,
        f"{score.images:,}",
        in_percent(score.accuracy),
        interval_percent(score.accuracy_interval),
        in_percent(score.mean_accuracy),
        interval_percent(score.mean_accuracy_interval),
        in_percent(score.macro_f1),
    ]


def _classes(result: EvaluationResult) -> Table:
    rows = []
    for index, (label, counts) in enumerate(zip(result.labels, result.score.confusion, strict=True)):
        accuracy, interval = result.score.class_accuracy[label], result.score.class_interval[label]
        shown = ("", "") if accuracy is None or interval is None else (in_percent(accuracy), interval_percent(interval))
        predicted = sum(row[index] for row in result.score.confusion)
        precision = in_percent(counts[index] / predicted) if predicted else ""
        rows.append([label, f"{sum(counts):,}", *shown, f"{predicted:,}", precision])
    head = ("class", "images", "accuracy %", "95 % interval", "predicted", "precision %")
    return Table("In the order of the paper's Table 4.", head, rows)


def _calibration(result: EvaluationResult) -> Table:
    rows = [
        [name, f"{c.temperature:.4g}", in_percent(c.ece), in_percent(c.mce), f"{c.nll:.4f}", f"{c.brier:.4f}"]
        for name, c in (("before temperature", result.before), ("after temperature", result.after))
    ]
    head = ("", "temperature", "ECE %", "MCE %", "NLL", "Brier score")
    return Table(f"{len(result.after.bins)} bins of equal width.", head, rows)


def _coverage(result: EvaluationResult) -> Table:
    rows = [[f"{100 * share:g} %", in_percent(accuracy)] for share, accuracy in result.coverage.items()]
    return Table("Accuracy on the most confident share of the images.", ("coverage", "accuracy %"), rows)


def _curves(folder: Path, result: EvaluationResult) -> list[_CurveSection]:
    sections = []
    for curve in result.curves:
        rows = [
            [
                "undegraded" if severity is None else f"{severity:g} {curve.unit}",
                in_percent(score.accuracy),
                interval_percent(score.accuracy_interval),
                in_percent(score.mean_accuracy),
            ]
            for severity, score in curve.rows
        ]
        table = Table(
            f"{curve.clean.images:,} images", (curve.kind, "accuracy %", "95 % interval", "mean class %"), rows
        )
        sections.append(_CurveSection(curve.kind, _plot(folder, f"degrade-{curve.kind}.png"), table))
    return sections


def _end_to_end(result: EvaluationResult) -> Table | None:
    raw = result.end_to_end
    if raw is None:
        return None
    rows: list[list[object]] = [
        [
            "raw pictures, a missed face is an error",
            f"{raw.images:,}",
            in_percent(raw.accuracy),
            interval_percent(raw.accuracy_interval),
            in_percent(raw.mean_accuracy),
        ]
    ]
    if raw.detected_score:
        rows.append(_score_row("of these, with a detected face", raw.detected_score)[:5])
    rows.append(_score_row("crops of the data set", result.score)[:5])
    note = f"{raw.data}: no face in {raw.without_face:,} pictures, {raw.unreadable:,} unreadable; {raw.detector}."
    return Table(note, ("", "images", "accuracy %", "95 % interval", "mean class %"), rows)


def _batch(check: BatchCheck) -> _BatchSection:
    verdict = "Predictions do not depend on the batch." if check.passed else "PREDICTIONS DEPEND ON THE BATCH."
    tables = []
    for item in check.checks:
        rows = [
            [c.name, c.batch_size, f"{c.max_difference:.2e}", c.changed, in_percent(c.accuracy)]
            for c in item.compositions
        ]
        head = ("composition", "batch size", "largest difference of a logit", "changed predictions", "accuracy %")
        note = f"{item.output} by {item.engine}" + (
            f" (batch part: {check.batch_part})" if item.output == "P_CBA" else ""
        )
        tables.append(Table(note, head, rows))
    text = f"{verdict} {check.images:,} images; tolerance for a logit: {check.tolerance:g}."
    return _BatchSection(text, tables, check.missing)


def _errors(predictions: DatasetPredictions, root: Path) -> _Errors:
    confidence = predictions.probabilities.max(axis=1)
    wrong = np.flatnonzero(predictions.predicted != predictions.truth)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:_MAX_ERRORS]
    cards = [
        face_card(
            predictions.samples[index],
            predictions.samples[index].called(root),
            truth=predictions.labels[predictions.truth[index]],
            lines=[
                f"predicted {predictions.labels[predictions.predicted[index]]}",
                f"confidence {probability_percent(float(confidence[index]))}",
            ],
        )
        for index in shown.tolist()
    ]
    note = (
        f"{len(wrong):,} of {len(predictions.truth):,} predictions are wrong; these {len(shown)} have the highest "
        "confidence. Some are errors of the model, some of the labels."
    )
    return _Errors(note, cards)


def _settings(result: EvaluationResult, settings: Mapping[str, object]) -> list[tuple[str, object]]:
    model = result.model
    return [
        ("weights", f"{model.name} {model.version}, {model.preset}"),
        ("sha256", model.sha256),
        ("checkpoint", selection_text(result.selection, result.selected_by)),
        ("epoch, seed", ", ".join(str(value) for value in (result.epoch, result.seed) if value is not None)),
        ("parameters, MACs", f"{model.parameters:,}, {model.macs:,}" if model.parameters and model.macs else ""),
        ("data set", f"{result.data}, {result.split} split, fingerprint {result.fingerprint or 'not stated'}"),
        *settings.items(),
        ("made with", f"fer {__version__}, {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"),
    ]


def _plot(folder: Path, name: str) -> bytes | None:
    path = folder / name
    return path.read_bytes() if path.is_file() else None
