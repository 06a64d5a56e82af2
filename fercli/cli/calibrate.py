"""`fer calibrate`: fit temperature and logit adjustment to a validation split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import console, options
from fercli.formatting import in_percent

if TYPE_CHECKING:
    from fercli.evaluate.scores import Score

_CARD = "Card of the new weights"


def calibrate(
    weights: Annotated[
        str,
        typer.Argument(
            metavar="WEIGHTS",
            help="A .safetensors file with its card, a run folder (of several seeds, the first), or the name of a shipped model.",
            callback=options.one_seed,
        ),
    ],
    data: options.DataSet,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .safetensors file to write.")],
    *,
    folder: options.DataFolder = None,
    split: options.Split = "val",
    objective: Annotated[
        Literal["none", "overall", "both", "mean"],
        typer.Option(
            "--objective",
            help="Fit the logit adjustment that maximises overall accuracy, mean class accuracy, or the average of both.",
        ),
    ] = "none",
    tau: Annotated[
        float | None,
        typer.Option(
            "--tau", help="Use this logit adjustment instead: 0 is none, 1 treats all classes as equally common."
        ),
    ] = None,
    convention: options.Convention = None,
    version: Annotated[
        str | None,
        typer.Option(
            "--weights-version",
            metavar="TEXT",
            help="The new card's version (default: the old one).",
            rich_help_panel=_CARD,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--weights-name", metavar="TEXT", help="Name (default: the old one).", rich_help_panel=_CARD),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", help="Licence of the weights (default: the old one).", rich_help_panel=_CARD),
    ] = None,
    note: Annotated[
        list[str] | None,
        typer.Option(
            "--note",
            metavar="TEXT",
            help="Replaces the notes of the old card; repeatable.",
            rich_help_panel=_CARD,
        ),
    ] = None,
    batch_size: options.BatchSize = 64,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fit the temperature of a model's probabilities, and optionally a logit adjustment, to a validation split.

    Use it for converted weights, for images unlike the training images, or to predict rare classes more often.

    Example:

      fer calibrate runs/mine/best.safetensors data/mine mine.safetensors --objective both
    """
    from fercli.evaluate import calibrate as step

    choices = step.CalibrateOptions(
        split=split,
        objective=objective,
        tau=tau,
        card={"name": name, "version": version, "licence": licence, "notes": tuple(note) if note else None},
        convention=convention,
        batch_size=batch_size,
        device=device,
    )
    with console.progress("calibrate", quiet=quiet) as progress:
        result = step.calibrate(weights, data, out, choices, folder=folder, overwrite=overwrite, progress=progress)
    if json:
        console.json_line(result)
        return
    rows = [
        [score.split, when, score.images, *map(in_percent, _shares(score))]
        for pair in zip(result.before, result.after, strict=True)
        for when, score in zip(("before", "after"), pair, strict=True)
    ]
    title = f"logit adjustment {result.tau:.2f}, temperature {result.temperature:.3f}"
    columns = ["split", "", "images", "accuracy %", "mean class %", "ECE %"]
    console.show(console.table(title, columns, rows))
    if not quiet:
        console.say(f"written: {result.out}")
        console.say(f"next:  fer export --onnx --weights {result.out}")


def _shares(score: Score) -> tuple[float | None, ...]:
    return score.accuracy, score.mean_accuracy, score.calibration_error
