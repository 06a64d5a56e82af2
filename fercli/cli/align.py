"""`fer align`: detect faces and align them to one position and size."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import console, options
from fercli.config.defaults import CROP_PX
from fercli.errors import RefusedError, UsageError
from fercli.formatting import percent, pluralize

if TYPE_CHECKING:
    from fercli.align.result import AlignResult

_SHOWN = 20  # unreadable files listed on the terminal; align.csv has all of them


def align(
    source: Annotated[
        Path,
        typer.Argument(metavar="SRC", help="Folder with pictures, at any depth; or rafdb, for data/rafdb."),
    ],
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="DST",
            help="Output folder: the same tree, with crops (default for RAF-DB: in place, where training finds them).",
        ),
    ] = None,
    *,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Folder of RAF-DB, if SRC is rafdb.")
    ] = None,
    size: Annotated[int, typer.Option("--size", min=8, help="Side of a crop in pixels.")] = CROP_PX,
    template: Annotated[
        Literal["arcface", "fer2013"],
        typer.Option(
            "--template", help="Positions of eyes, nose and mouth: ArcFace's close crop, or FER2013's wider one."
        ),
    ] = "arcface",
    margin: Annotated[
        float,
        typer.Option(
            "--margin", min=0, max=2, help="Margin added on every side, as a fraction of the template's side."
        ),
    ] = 0.0,
    largest: Annotated[bool, typer.Option("--largest", help="Of several faces write the largest (default).")] = False,
    center: Annotated[
        bool, typer.Option("--center", help="Of several faces write the one nearest to the centre.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Write every face, with numbered file names.")] = False,
    on_no_face: Annotated[
        Literal["keep", "skip"],
        typer.Option(
            "--on-no-face",
            help="keep: write the whole picture, so that a test set stays complete; skip: write nothing.",
        ),
    ] = "keep",
    min_face: options.MinFace = options.MIN_FACE,
    detector: options.Detector = options.DETECTOR,
    thresholds: options.Thresholds = options.THRESHOLDS,
    max_side: options.MaxSide = options.MAX_SIDE,
    device: options.Device = "auto",
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Align only part I of N of the pictures, on one of N machines; fer merge DST completes the folder.",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Detect the face in every picture of a folder and write it aligned, at one size, under the same name.

    DST/align.csv lists the result for every picture, DST/contact-sheet.html shows a sample. An interrupted run is resumed
    by the same command.

    Example:

      fer align photos faces --size 224
    """
    from fercli.align import align as step
    from fercli.config.detect import DetectConfig
    from fercli.system.shards import Shard

    if sum((largest, center, every)) > 1:
        raise UsageError("--largest, --center and --all exclude each other", fix="give one of them")
    started = perf_counter()
    with console.progress("align", quiet=quiet) as progress:
        result = step.align(
            _source(source, data),
            target,
            step.AlignOptions(
                size=size,
                template=template,
                margin=margin,
                faces="all" if every else "center" if center else "largest",
                on_no_face=on_no_face,
                detect=DetectConfig(
                    detector=detector,
                    min_face_px=min_face,
                    thresholds=options.three_thresholds(thresholds),
                    max_side=max_side,
                ),
            ),
            device=device,
            overwrite=overwrite,
            shard=None if shard is None else Shard.parse(shard),
            progress=progress,
        )
    if json:
        console.json_line(result)
    else:
        show(result)
    _report(result, perf_counter() - started, quiet=quiet)
    if strict and result.unreadable:
        raise RefusedError(f"{_unreadable(result)} and --strict was given", fix="repair or remove these files")


def _source(source: Path, data: Path | None) -> Path:
    """The folder to align: the name rafdb means --data or data/rafdb, unless a folder of that name exists."""
    if data is not None:
        if str(source) != "rafdb":
            raise UsageError(
                f"--data needs the name of a data set, and {source} is none", fix="give rafdb, or the folder alone"
            )
        return data
    return Path("data") / source if str(source) == "rafdb" and not source.is_dir() else source


def show(result: AlignResult) -> None:
    """Print the number of pictures by their result."""
    counts = (
        ("with a face", result.with_face),
        ("of these, with several faces", result.with_several_faces),
        ("without a face", result.without_face),
        ("unreadable", len(result.unreadable)),
    )
    rows = [[name, count, percent(count / max(result.pictures, 1), 1)] for name, count in counts]
    title = f"{pluralize(result.crops, 'crop')} in {result.target}"
    console.show(console.table(title, ["pictures", "number", "share"], rows))


def _report(result: AlignResult, elapsed_s: float, *, quiet: bool) -> None:
    for row in result.unreadable[:_SHOWN]:
        console.warn(f"{row.source}: {row.reason}")
    if len(result.unreadable) > _SHOWN:
        console.warn(f"... and {len(result.unreadable) - _SHOWN} more, listed in {result.target / 'align.csv'}")
    if result.unreadable:
        console.warn(_unreadable(result))
    if quiet:
        return
    if result.ignored:
        console.say(f"{pluralize(result.ignored, 'file')} ignored: not pictures by their names")
    new = result.pictures - result.resumed
    if result.resumed:
        console.say(f"{pluralize(result.resumed, 'picture')} already aligned")
    if new:
        console.say(f"{pluralize(new, 'picture')} in {elapsed_s:.1f} s, {new / elapsed_s:.1f} per second")
    if result.contact_sheet is None:
        console.say(f"when all shards have ended: fer merge {result.target}")
    else:
        console.say(f"contact sheet: {result.contact_sheet}")


def _unreadable(result: AlignResult) -> str:
    return f"{len(result.unreadable)} of {pluralize(result.pictures, 'picture')} could not be read"
