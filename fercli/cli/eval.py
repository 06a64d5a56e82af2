"""`fer eval`: score weights on a data set, with intervals, calibration and robustness."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options
from fercli.cli.progress_line import unique_heads
from fercli.formatting import in_percent, interval_percent, pluralize
from fercli.system.packages import install_command, is_installed

if TYPE_CHECKING:
    from fercli.evaluate.results import BatchCheck, DegradationCurve, EndToEnd, EvaluationResult
    from fercli.evaluate.scores import Score

_CHECKS = "Further measurements"


def evaluate(
    weights: Annotated[
        str,
        typer.Argument(
            metavar="WEIGHTS",
            help="A weights file with its card, a run folder (of several seeds: all are scored), or the name of a shipped model.",
        ),
    ],
    data: options.DataSet,
    *,
    folder: options.DataFolder = None,
    split: options.Split = "test",
    subset: Annotated[
        list[Path] | None,
        typer.Option(
            "--subset",
            metavar="LIST",
            help="Also score the images of a list; repeatable.",
            rich_help_panel=_CHECKS,
        ),
    ] = None,
    degrade: Annotated[
        list[str] | None,
        typer.Option(
            "--degrade",
            metavar="KIND",
            help="Also score degraded crops at five severities: occlusion, lowres, dark, blur, jpeg, crop-jitter "
            "or all. Repeatable.",
            rich_help_panel=_CHECKS,
        ),
    ] = None,
    degrade_images: Annotated[
        int | None,
        typer.Option(
            "--degrade-images",
            min=1,
            help="Degrade only this many images, sampled at random (default: all).",
            rich_help_panel=_CHECKS,
        ),
    ] = None,
    end_to_end: Annotated[
        str | None,
        typer.Option(
            "--end-to-end",
            metavar="DATA",
            help="Also score raw pictures (a folder, a name, or NAME=DIR) through detection and crop; a picture without a face "
            "is an error.",
            rich_help_panel=_CHECKS,
        ),
    ] = None,
    detector: options.Detector = options.DETECTOR,
    batch_check: Annotated[
        bool,
        typer.Option("--batch-check", help="Refuse predictions that depend on the batch.", rich_help_panel=_CHECKS),
    ] = False,
    coverage: Annotated[
        str | None,
        typer.Option(
            "--coverage",
            metavar="SHARES",
            help="Compute the accuracy of these most confident shares of the images: 0.5,0.8,1.",
            rich_help_panel=_CHECKS,
        ),
    ] = None,
    no_copies: Annotated[
        bool,
        typer.Option(
            "--no-copies",
            help="Do not search the train split for copies of the scored images.",
            rich_help_panel=_CHECKS,
        ),
    ] = False,
    flip: options.Flip = False,
    convention: options.Convention = None,
    prior: options.Prior = None,
    out: Annotated[Path | None, options.new_folder("report.html, result.json, tables and plots")] = None,
    seed: Annotated[int, options.seed_of("the bootstrap, the degradations and the sampling of images")] = 0,
    batch_size: options.BatchSize = 64,
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score weights on a data set: accuracy, mean class accuracy and F1 with intervals, calibration, robustness.

    Classes are matched by name. Preprocessing is taken from the card of the weights.

    Example:

      fer eval fer-compact data/ferplus --out runs/eval
    """
    from fercli.evaluate import evaluate as step
    from fercli.evaluate.calibration import parse_coverages
    from fercli.evaluate.results import to_result_file
    from fercli.weights.run_folder import seed_folders

    choices = step.EvaluateOptions(
        split=split,
        flip=flip,
        subsets=subset or (),
        degrade=degrade or (),
        degrade_images=degrade_images,
        end_to_end=end_to_end,
        detector=detector,
        batch_check=batch_check,
        find_copies=not no_copies,
        seed=seed,
        batch_size=batch_size,
        engine=engine,
        device=device,
        convention=convention,
        prior=prior,
    )
    if coverage is not None:
        choices = replace(choices, coverages=parse_coverages(coverage))
    if seed_folders(Path(weights)):
        from fercli.cli.eval_seeds import evaluate_all_seeds

        evaluate_all_seeds(
            Path(weights), data, choices, data_folder=folder, out=out, overwrite=overwrite, json=json, quiet=quiet
        )
        return
    if out is not None and not is_installed("matplotlib"):
        console.warn(f"{out} will have no plots, as matplotlib is not installed: {install_command('train')}")
    with console.progress("eval", quiet=quiet) as progress:
        result = step.evaluate(weights, data, choices, folder=folder, out=out, overwrite=overwrite, progress=progress)
    for warning in result.warnings:
        console.warn(warning)
    if json:
        console.json_line(to_result_file(result, with_predictions=out is not None).as_dict())
    else:
        _show(result)
    if out is not None and not quiet:
        console.say(f"written: {out / 'report.html'}")


def _show(result: EvaluationResult) -> None:
    model = result.model
    convention = f", {model.convention}" if model.convention else ""
    if model.prior:
        convention += f", class shares {model.prior.partition(':')[0]}"
    title = f"{model.name} {model.version}{convention} on {result.data} {result.split} ({model.engine}, {model.device})"
    figures = [_score_row("all images", result.score)]
    copies = result.copies
    if copies and copies.score_without:
        figures.append(_score_row("without images that are in train too", copies.score_without))
    figures += [_score_row(subset.name, subset.score) for subset in result.subsets]
    head = ["", "images", "accuracy %", "95 % interval", "mean class %", "95 % interval", "macro F1 %"]
    console.show(console.table(title, head, figures))
    if result.augmentation:
        console.show(f"Test-time augmentation: {result.augmentation}.")
    if copies:
        console.show(f"{copies.message}.")
    _show_classes(result.score)
    calibration = [
        [name, f"{c.temperature:.4g}", in_percent(c.ece), in_percent(c.mce), f"{c.nll:.4f}", f"{c.brier:.4f}"]
        for name, c in (("before temperature", result.before), ("after temperature", result.after))
    ]
    head = ["calibration", "temperature", "ECE %", "largest gap %", "log loss", "Brier"]
    console.show(console.table(None, head, calibration))
    accuracies = [["accuracy %", *(in_percent(accuracy) for accuracy in result.coverage.values())]]
    columns = ["coverage", *(f"{100 * share:g} %" for share in result.coverage)]
    console.show(console.table(None, columns, accuracies))
    for curve in result.curves:
        _show_curve(curve)
    if result.end_to_end is not None:
        _show_end_to_end(result.end_to_end, result.score)
    if result.batch_check is not None:
        _show_batch_check(result.batch_check)


def _show_classes(score: Score) -> None:
    accuracy = [
        [
            label,
            score.class_images[label],
            in_percent(score.class_accuracy[label]),
            interval_percent(score.class_interval[label]),
        ]
        for label in score.labels
    ]
    head = ["truth", "images", "accuracy %", "95 % interval"]
    names = [f"as {label}" for label in score.labels]
    if sum(len(name) + 3 for name in (*names, *head)) + 12 <= console.width():
        rows = [[*row, *counts] for row, counts in zip(accuracy, score.confusion, strict=True)]
        console.show(console.table("Accuracy and confusion matrix by class", [*head, *names], rows))
        return
    console.show(console.table("Accuracy by class", head, accuracy))
    heads = unique_heads(score.labels)
    counts = [[label, *row] for label, row in zip(score.labels, score.confusion, strict=True)]
    console.show(console.table("Confusion matrix: truth by row, predictions by column", ["", *heads], counts))


def _show_curve(curve: DegradationCurve) -> None:
    rows = [
        ["clean" if severity is None else f"{severity:g} {curve.unit}", *_score_row("", score)[2:5]]
        for severity, score in curve.rows
    ]
    head = [curve.kind, "accuracy %", "95 % interval", "mean class %"]
    console.show(console.table(f"{curve.kind}: {pluralize(curve.clean.images, 'image')}", head, rows))


def _show_end_to_end(result: EndToEnd, aligned: Score) -> None:
    whole = [in_percent(result.accuracy), interval_percent(result.accuracy_interval), in_percent(result.mean_accuracy)]
    rows: list[list[object]] = [["raw pictures, a missed face is an error", result.images, *whole]]
    if result.detected_score is not None:
        rows.append(_score_row("raw pictures with a detected face", result.detected_score)[:5])
    rows.append(_score_row("crops of the data set", aligned)[:5])
    without = f"no face in {result.without_face}, {result.unreadable} unreadable"
    title = f"End to end on {result.data}: {without} ({result.detector})"
    console.show(console.table(title, ["", "images", "accuracy %", "95 % interval", "mean class %"], rows))


def _show_batch_check(check: BatchCheck) -> None:
    rows = [
        [
            f"{item.output}, {item.engine}",
            composition.name,
            composition.batch_size,
            f"{composition.max_difference:.1e}",
            composition.changed,
            in_percent(composition.accuracy),
        ]
        for item in check.checks
        for composition in item.compositions
    ]
    head = ["", "composition", "batch size", "largest difference", "classes changed", "accuracy %"]
    console.show(console.table(f"Batch invariance on {pluralize(check.images, 'image')}", head, rows))
    largest = max(item.max_difference for item in check.engines)
    console.show(f"No prediction depends on the batch: the largest difference of a logit is {largest:.1e}.")
    if check.contrast is not None:
        console.show(f"P_CBA, which is never a prediction, does depend on it (batch part: {check.batch_part}).")
    if check.missing:
        console.show(check.missing)


def _score_row(name: str, score: Score) -> list[object]:
    return [
        name,
        score.images,
        in_percent(score.accuracy),
        interval_percent(score.accuracy_interval),
        in_percent(score.mean_accuracy),
        interval_percent(score.mean_accuracy_interval),
        in_percent(score.macro_f1),
    ]
