"""`fer calibrate`: probabilities, and a leaning towards rare classes, fitted to a validation split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import console, options

if TYPE_CHECKING:
    from fercli.evaluate.scores import SplitScore


def calibrate(
    weights: Annotated[
        str,
        typer.Argument(metavar="WEIGHTS", help="A .safetensors file with its card, or the name of a shipped model."),
    ],
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A folder, or the name of a data set, looked for in data/NAME.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .safetensors file to write.")],
    *,
    folder: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Where the data set that DATA names lies.")
    ] = None,
    split: Annotated[
        Literal["train", "val", "test"], typer.Option("--split", help="The images to fit to; test is refused.")
    ] = "val",
    favour: Annotated[
        Literal["none", "overall", "both", "mean"],
        typer.Option(
            "--favour",
            help="Lean towards rare classes as far as serves the overall accuracy, the mean of the class accuracies, or both.",
        ),
    ] = "none",
    tau: Annotated[
        float | None,
        typer.Option("--tau", help="Lean by exactly this much instead: 0 not at all, 1 as if all classes were common."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--weights-version", metavar="TEXT", help="The new card's version; left out: the old card's."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--weights-name", metavar="TEXT", help="The new card's name; left out: the old card's."),
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Licence of the weights on the new card; left out: the old card's.")
    ] = None,
    note: Annotated[
        list[str] | None,
        typer.Option("--note", metavar="TEXT", help="In place of the old card's notes; can be given many times."),
    ] = None,
    batch_size: options.BatchSize = 64,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fit the temperature of a model's probabilities to a validation split, and its leaning towards rare classes.

    For weights that never were calibrated, for other pictures than they were trained on, or to hear more of rare classes.

    Example:

      fer calibrate runs/mine/best.safetensors data/mine mine.safetensors --favour both
    """
    from fercli.evaluate import calibrate as step

    with console.progress("calibrate", quiet=quiet) as progress:
        result = step.calibrate(
            weights,
            data,
            out,
            folder=folder,
            split=split,
            favour=favour,
            tau=tau,
            said={"name": name, "version": version, "licence": licence, "notes": tuple(note) if note else None},
            batch=batch_size,
            device=device,
            overwrite=overwrite,
            progress=progress,
        )
    if json:
        console.json_line(result)
        return
    rows = [
        [score.split, when, score.images, *(f"{100 * share:.2f}" for share in _shares(score))]
        for pair in zip(result.before, result.after, strict=True)
        for when, score in zip(("before", "after"), pair, strict=True)
    ]
    title = f"leaning {result.tau:.2f}, temperature {result.temperature:.3f}"
    columns = ["split", "", "images", "accuracy %", "mean class %", "ECE %"]
    console.show(console.table(title, columns, rows))
    if not quiet:
        console.say(f"written: {result.out}")
        console.say(f"next:  fer export --onnx --weights {result.out}")


def _shares(score: SplitScore) -> tuple[float, float, float]:
    return score.accuracy, score.mean_accuracy, score.calibration_error
