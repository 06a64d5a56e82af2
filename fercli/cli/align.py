"""`fer align`: faces found and brought into one position and size."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import console, options

if TYPE_CHECKING:
    from fercli.steps.align import AlignSummary

_SHOWN = 20  # unreadable files named on the terminal; align.csv has them all


def align(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Folder with pictures, at any depth.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="Folder to make: the same tree, with crops.")],
    *,
    size: Annotated[int, typer.Option("--size", min=8, help="Side of a crop in pixels.")] = 224,
    template: Annotated[
        Literal["arcface", "fer2013"],
        typer.Option(
            "--template", help="Where eyes, nose and mouth lie: ArcFace's close crop, or FER2013's wider one."
        ),
    ] = "arcface",
    margin: Annotated[
        float,
        typer.Option("--margin", min=0, max=2, help="Room added on every side, as a fraction of the template's side."),
    ] = 0.0,
    min_face: options.MinFace = 20,
    faces: Annotated[
        Literal["largest", "center", "all"],
        typer.Option("--faces", help="Which face of a picture with several; all numbers the further ones."),
    ] = "largest",
    on_no_face: Annotated[
        Literal["keep", "skip"],
        typer.Option(
            "--on-no-face", help="keep: write the whole picture, so that a test set stays whole; skip: nothing."
        ),
    ] = "keep",
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find the face in every picture of a folder and write it upright, at one size, under the same name.

    DST/align.csv says for every picture what was found where. A run that was interrupted goes on where it was.

    Example:

      fer align photos faces --size 224
    """
    from fercli.steps import align as step

    started = perf_counter()
    with console.progress("align", quiet=quiet) as progress:
        result = step.align(
            source,
            target,
            size=size,
            template=template,
            margin=margin,
            min_face=min_face,
            faces=faces,
            on_no_face=on_no_face,
            device=device,
            overwrite=overwrite,
            progress=progress,
        )
    if json:
        console.json_line(result)
    else:
        _show(result)
    _tell(result, perf_counter() - started, quiet=quiet)


def _show(result: AlignSummary) -> None:
    total = result.found + result.no_face + len(result.unreadable)
    counts = (("face found", result.found), ("no face", result.no_face), ("unreadable", len(result.unreadable)))
    rows = [[name, count, f"{count / total:.1%}"] for name, count in counts]
    console.show(console.table(f"{result.crops} crops in {result.target}", ["pictures", "number", "share"], rows))


def _tell(result: AlignSummary, elapsed_s: float, *, quiet: bool) -> None:
    for row in result.unreadable[:_SHOWN]:
        console.warn(f"{row.source}: {row.reason}")
    if len(result.unreadable) > _SHOWN:
        console.warn(f"... and {len(result.unreadable) - _SHOWN} more, listed in {result.target / 'align.csv'}")
    if quiet:
        return
    new = result.found + result.no_face + len(result.unreadable) - result.resumed
    if result.resumed:
        console.say(f"{result.resumed} pictures were already done")
    if new:
        console.say(f"{new} pictures in {elapsed_s:.1f} s, {new / elapsed_s:.1f} a second")
