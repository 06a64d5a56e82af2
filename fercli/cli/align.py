"""`fer align`: faces found and brought into one position and size."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import console, options
from fercli.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from fercli.align.align import AlignSummary

_SHOWN = 20  # unreadable files named on the terminal; align.csv has them all


def align(
    source: Annotated[
        Path,
        typer.Argument(metavar="SRC", help="Folder with pictures, at any depth; or rafdb, which lies in data/rafdb."),
    ],
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="DST",
            help="Folder to make: the same tree, with crops. Left out for RAF-DB: in place, where training finds them.",
        ),
    ] = None,
    *,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Where RAF-DB lies, if SRC is its name.")
    ] = None,
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
    largest: Annotated[
        bool, typer.Option("--largest", help="Of several faces take the largest; so it is done unless told otherwise.")
    ] = False,
    center: Annotated[bool, typer.Option("--center", help="Of several faces take the one nearest the middle.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Take every face; the further ones are numbered.")] = False,
    on_no_face: Annotated[
        Literal["keep", "skip"],
        typer.Option(
            "--on-no-face", help="keep: write the whole picture, so that a test set stays whole; skip: nothing."
        ),
    ] = "keep",
    min_face: options.MinFace = 20,
    thresholds: options.Thresholds = options.THRESHOLDS,
    max_side: options.MaxSide = options.MAX_SIDE,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find the face in every picture of a folder and write it upright, at one size, under the same name.

    DST/align.csv says for every picture what was found where, DST/contact-sheet.html shows it. A run that was
    interrupted goes on where it was.

    Example:

      fer align photos faces --size 224
    """
    from fercli.align import align as step

    if sum((largest, center, every)) > 1:
        raise UsageError("one of --largest, --center and --all can be given", fix="leave out the others")
    started = perf_counter()
    with console.progress("align", quiet=quiet) as progress:
        result = step.align(
            _source(source, data),
            target,
            size=size,
            template=template,
            margin=margin,
            min_face=min_face,
            thresholds=options.three_thresholds(thresholds),
            max_side=max_side,
            faces="all" if every else "center" if center else "largest",
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
    if strict and result.unreadable:
        raise RefusedError(f"{_unreadable(result)} and --strict was given", fix="mend or remove these files")


def _source(source: Path, data: Path | None) -> Path:
    """The folder that is meant: a name is looked for where --data says, or in data/NAME, unless a folder is called so."""
    if data is not None:
        if str(source) != "rafdb":
            raise UsageError(f"--data goes with a data set's name, {source} is none", fix="rafdb, or the folder alone")
        return data
    return Path("data") / source if str(source) == "rafdb" and not source.is_dir() else source


def _show(result: AlignSummary) -> None:
    total = result.found + result.no_face + len(result.unreadable)
    counts = (
        ("face found", result.found),
        ("of these, several faces", result.several),
        ("no face", result.no_face),
        ("unreadable", len(result.unreadable)),
    )
    rows = [[name, count, f"{count / total:.1%}"] for name, count in counts]
    console.show(console.table(f"{result.crops} crops in {result.target}", ["pictures", "number", "share"], rows))


def _tell(result: AlignSummary, elapsed_s: float, *, quiet: bool) -> None:
    for row in result.unreadable[:_SHOWN]:
        console.warn(f"{row.source}: {row.reason}")
    if len(result.unreadable) > _SHOWN:
        console.warn(f"... and {len(result.unreadable) - _SHOWN} more, listed in {result.target / 'align.csv'}")
    if result.unreadable:
        console.warn(_unreadable(result))
    if quiet:
        return
    if result.passed:
        console.say(f"files passed over, no pictures by their names: {result.passed}")
    new = result.found + result.no_face + len(result.unreadable) - result.resumed
    if result.resumed:
        console.say(f"{result.resumed} pictures were already done")
    if new:
        console.say(f"{new} pictures in {elapsed_s:.1f} s, {new / elapsed_s:.1f} a second")
    console.say(f"look at them: {result.contact_sheet}")


def _unreadable(result: AlignSummary) -> str:
    total = result.found + result.no_face + len(result.unreadable)
    return f"{len(result.unreadable)} of {total} pictures could not be read"
