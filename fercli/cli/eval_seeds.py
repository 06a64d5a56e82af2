"""`fer eval` of a folder with the runs of several seeds: one table for all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fercli.cli import console
from fercli.formatting import in_percent, interval_percent, mean_sd_percent, pluralize

_WIDE = 95  # columns that the table takes with its intervals

if TYPE_CHECKING:
    from fercli.evaluate.evaluate import EvaluateOptions
    from fercli.evaluate.results import EvaluationResult
    from fercli.evaluate.seed_scores import SeedsEvaluation


def evaluate_all_seeds(
    folder: Path,
    data: str,
    options: EvaluateOptions,
    *,
    data_folder: Path | None,
    out: Path | None,
    overwrite: bool,
    json: bool,
    quiet: bool,
) -> None:
    """Score every seed and show the scores with their mean and standard deviation."""
    from fercli.evaluate.seed_scores import evaluate_seeds

    with console.progress("eval", quiet=quiet) as progress:
        result = evaluate_seeds(
            folder, data, options, data_folder=data_folder, out=out, overwrite=overwrite, progress=progress
        )
    for run, evaluation in result.runs:
        for warning in evaluation.warnings:
            console.warn(f"{run.name}: {warning}")
    if json:
        console.json_line(result.as_dict())
    else:
        _show(result)
    if out is not None and not quiet:
        console.say(f"written: {out / 'seeds.json'}, and a report for each seed, e.g. {out / result.runs[0][0].name}")


def _show(result: SeedsEvaluation) -> None:
    rows: list[list[object]] = [
        [
            run.name,
            in_percent(evaluation.score.accuracy),
            interval_percent(evaluation.score.accuracy_interval),
            in_percent(evaluation.score.mean_accuracy),
            in_percent(evaluation.score.macro_f1),
            in_percent(evaluation.after.ece),
        ]
        for run, evaluation in result.runs
    ]
    rows.append(
        [
            "mean ± sd",
            _mean_sd(result, lambda evaluation: evaluation.score.accuracy),
            None,
            _mean_sd(result, lambda evaluation: evaluation.score.mean_accuracy),
            _mean_sd(result, lambda evaluation: evaluation.score.macro_f1),
            _mean_sd(result, lambda evaluation: evaluation.after.ece),
        ]
    )
    first = result.runs[0][1]
    images = pluralize(first.score.images, "image")
    title = f"{result.folder}, {pluralize(len(result.runs), 'seed')}, on {first.data} {first.split}: {images}"
    columns = ["", "accuracy %", "95 % interval", "mean class %", "macro F1 %", "ECE %"]
    if console.width() < _WIDE:
        columns, rows = [*columns[:2], *columns[3:]], [[*row[:2], *row[3:]] for row in rows]
    console.show(console.table(title, columns, rows))
    _show_classes(result)


def _show_classes(result: SeedsEvaluation) -> None:
    first = result.runs[0][1].score
    runs = [evaluation.score.class_accuracy for _, evaluation in result.runs]
    rows = [
        [
            label,
            first.class_images[label],
            _mean_sd(result, lambda evaluation, label=label: evaluation.score.class_accuracy[label]),  # type: ignore[misc]
            " ".join(in_percent(accuracy[label]) or "-" for accuracy in runs),
        ]
        for label in first.labels
        if first.class_images[label]
    ]
    head = ["truth", "images", "accuracy %, mean ± sd", "by seed"]
    console.show(console.table("Accuracy by class", head, rows))


def _mean_sd(result: SeedsEvaluation, figure: Callable[[EvaluationResult], float]) -> str:
    score = result.over_seeds(figure)
    return mean_sd_percent(score.mean, score.sd)
