"""`fer eval`: how well weights read a data set, and how far to believe it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import console, options

if TYPE_CHECKING:
    from fercli.evaluate.results import BatchCheck, Curve, EndToEnd, EvaluationResult, Score


def evaluate(
    weights: Annotated[
        str, typer.Argument(metavar="WEIGHTS", help="A weights file with its card, or the name of a shipped model.")
    ],
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A folder, or the name of a data set, looked for in data/NAME.")
    ],
    *,
    folder: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Where the data set that DATA names lies.")
    ] = None,
    split: Annotated[Literal["train", "val", "test"], typer.Option("--split", help="The images to score.")] = "test",
    subset: Annotated[
        list[Path] | None,
        typer.Option("--subset", metavar="LIST", help="Also score the images of a list; can be given many times."),
    ] = None,
    degrade: Annotated[
        list[str] | None,
        typer.Option(
            "--degrade",
            metavar="KIND",
            help="Also score crops made worse, step by step: occlusion, lowres, dark, blur, jpeg, crop-jitter, "
            "or all. Can be given many times.",
        ),
    ] = None,
    degrade_images: Annotated[
        int | None,
        typer.Option("--degrade-images", min=1, help="Make only this many images worse, drawn at random; else all."),
    ] = None,
    end_to_end: Annotated[
        str | None,
        typer.Option(
            "--end-to-end",
            metavar="DATA",
            help="Also score raw pictures through detection and crop; a picture without a face is an error.",
        ),
    ] = None,
    batch_check: Annotated[
        bool, typer.Option("--batch-check", help="Also certify that no answer depends on the batch; else refuse.")
    ] = False,
    coverage: Annotated[
        str | None,
        typer.Option(
            "--coverage", metavar="SHARES", help="Tell the accuracy of these surest shares of images, as 0.5,0.8,1."
        ),
    ] = None,
    no_copies: Annotated[
        bool,
        typer.Option("--no-copies", help="Do not read the train split to find images that are in it too."),
    ] = False,
    flip: Annotated[
        bool,
        typer.Option(
            "--flip", help="Average the answers over each face and its mirror image (test-time augmentation)."
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to make: report.html, result.json, tables and pictures."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of resampling, degradations and what is drawn.")] = 0,
    batch_size: options.BatchSize = 64,
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score weights on a data set: accuracy in its kinds with intervals, calibration, confusion, robustness.

    Classes are matched by name. Everything about preprocessing comes from the card of the weights.

    Example:

      fer eval fer-compact data/ferplus --out runs/eval
    """
    from fercli.evaluate import evaluate as step
    from fercli.evaluate.calibration import parse_coverages

    checks = step.Checks(
        subsets=tuple(subset or ()),
        degrade=tuple(degrade or ()),
        degrade_images=degrade_images,
        end_to_end=end_to_end,
        batch=batch_check,
        copies=not no_copies,
        coverages=step.COVERAGES if coverage is None else parse_coverages(coverage),
    )
    with console.progress("eval", quiet=quiet) as progress:
        result = step.evaluate(
            weights,
            data,
            folder=folder,
            split=split,
            checks=checks,
            batch=batch_size,
            engine=engine,
            device=device,
            seed=seed,
            flip=flip,
            out=out,
            overwrite=overwrite,
            progress=progress,
        )
    if not quiet:
        for warning in result.warnings:
            console.warn(warning)
    if json:
        console.json_line(step.as_record(result))
    else:
        _show(result)
    if out is not None and not quiet:
        console.say(f"written: {out / 'report.html'}")


def _show(result: EvaluationResult) -> None:
    model = result.model
    title = f"{model.name} {model.version} on {result.data} {result.split} ({model.engine}, {model.device})"
    figures = [_score_row("all images", result.score)]
    copies = result.copies
    if copies and copies.others:
        figures.append(_score_row("without images that are in train too", copies.others))
    figures += [_score_row(subset.name, subset.score) for subset in result.subsets]
    head = ["", "images", "accuracy %", "95 % interval", "mean class %", "95 % interval", "macro F1 %"]
    console.show(console.table(title, head, figures))
    if result.augmentation:
        console.show(f"Test-time augmentation: every answer is the {result.augmentation}.")
    if copies:
        console.show(f"{copies.told}.")
    classes = [
        [label, result.n_per_class[label], _percent(result.class_accuracy[label]), _interval(interval), *counts]
        for label, counts, interval in zip(result.labels, result.confusion, result.class_interval.values(), strict=True)
    ]
    columns = ["truth", "images", "accuracy %", "95 % interval", *(f"as {label}" for label in result.labels)]
    console.show(console.table("Class by class, and what each was taken for", columns, classes))
    before, after = result.before, result.after
    calibration = [
        [name, f"{c.temperature:.4g}", _percent(c.ece), _percent(c.mce), f"{c.nll:.4f}", f"{c.brier:.4f}"]
        for name, c in (("before temperature", before), ("after temperature", after))
    ]
    head = ["calibration", "temperature", "ECE %", "largest gap %", "log loss", "Brier"]
    console.show(console.table(None, head, calibration))
    sure = [["accuracy %", *(_percent(accuracy) for accuracy in result.coverage.values())]]
    columns = ["surest share answered", *(f"{100 * share:g} %" for share in result.coverage)]
    console.show(console.table(None, columns, sure))
    for curve in result.curves:
        _show_curve(curve)
    if result.end_to_end is not None:
        _show_end_to_end(result.end_to_end, result.score)
    if result.batch_check is not None:
        _show_batch_check(result.batch_check)


def _show_curve(curve: Curve) -> None:
    rows = [["as it is", *_score_row("", curve.clean)[2:5]]]
    rows += [[f"{point.severity:g} {curve.unit}", *_score_row("", point.score)[2:5]] for point in curve.points]
    head = [curve.kind, "accuracy %", "95 % interval", "mean class %"]
    console.show(console.table(f"{curve.kind}: {curve.clean.n} images", head, rows))


def _show_end_to_end(found: EndToEnd, aligned: Score) -> None:
    whole = [found.n, _percent(found.overall), _interval(found.overall_interval), _percent(found.mean_class)]
    rows: list[list[object]] = [["raw pictures, a missed face is an error", *whole]]
    if found.found_score is not None:
        rows.append(_score_row("of these, where a face was found", found.found_score)[:5])
    rows.append(_score_row("crops as the data set has them", aligned)[:5])
    title = f"End to end on {found.data}: no face in {found.missed}, {found.unreadable} unreadable ({found.detector})"
    console.show(console.table(title, ["", "images", "accuracy %", "95 % interval", "mean class %"], rows))


def _show_batch_check(check: BatchCheck) -> None:
    rows = [
        [f"{item.what}, {item.engine}", c.name, c.batch, f"{c.max_difference:.1e}", c.changed, _percent(c.overall)]
        for item in (*check.engines, *([check.contrast] if check.contrast else []))
        for c in item.compositions
    ]
    head = ["", "company", "batch", "largest difference", "classes changed", "accuracy %"]
    console.show(console.table(f"Batch invariance on {check.n} images", head, rows))
    largest = max(item.largest for item in check.engines)
    console.show(f"No answer depends on the batch: the largest difference of a logit is {largest:.1e}.")
    if check.contrast is not None:
        console.show(f"P_CBA is no answer and does depend on it (batch part: {check.batch_part}).")
    if check.missing:
        console.show(check.missing)


def _score_row(name: str, score: Score) -> list[object]:
    overall = _percent(score.overall), _interval(score.overall_interval)
    mean = _percent(score.mean_class), _interval(score.mean_interval)
    return [name, score.n, *overall, *mean, _percent(score.macro_f1)]


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.2f}"


def _interval(interval: tuple[float, float] | None) -> str | None:
    return None if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f}"
