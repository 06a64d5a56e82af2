"""`fer eval`: how well weights read a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import console, options

if TYPE_CHECKING:
    from fercli.steps.evaluate import EvaluationResult, Score


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
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to make: result.json, predictions.csv, confusion.csv, .png."),
    ] = None,
    batch_size: options.BatchSize = 64,
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score weights on a data set: overall, mean and class-wise accuracy, calibration, confusion matrix.

    Classes are matched by name. Everything about preprocessing comes from the card of the weights.

    Example:

      fer eval fer-compact data/ferplus --out runs/eval
    """
    from fercli.steps import evaluate as step

    with console.progress("eval", quiet=quiet) as progress:
        result = step.evaluate(
            weights,
            data,
            folder=folder,
            split=split,
            batch=batch_size,
            engine=engine,
            device=device,
            out=out,
            overwrite=overwrite,
            progress=progress,
        )
    if not quiet:
        for warning in result.warnings:
            console.warn(warning)
    if json:
        console.json_line(result)
    else:
        _show(result)
    if out is not None and not quiet:
        console.say(f"written: {out}")


def _show(result: EvaluationResult) -> None:
    title = f"{result.model} {result.version} on {result.data} {result.split} ({result.engine}, {result.device})"
    figures = [_score_row("all images", result.score)]
    if result.without_train_copies is not None:
        figures.append(_score_row("without copies of train images", result.without_train_copies))
    console.show(console.table(title, ["", "images", "accuracy %", "95 % interval", "mean class %"], figures))
    classes = [
        [label, result.n_per_class[label], _percent(result.class_accuracy[label]), *counts]
        for label, counts in zip(result.labels, result.confusion, strict=True)
    ]
    columns = ["truth", "images", "accuracy %", *(f"as {label}" for label in result.labels)]
    console.show(console.table("Class by class, and what each was taken for", columns, classes))
    console.show(f"macro F1 {100 * result.macro_f1:.2f} %, calibration error (ECE) {100 * result.ece:.2f} %")


def _score_row(name: str, score: Score) -> list[object]:
    low, high = score.interval
    interval = f"{100 * low:.2f} to {100 * high:.2f}"
    return [name, score.n, _percent(score.overall), interval, _percent(score.mean_class)]


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.2f}"
