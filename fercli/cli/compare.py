"""`fer compare`: whether one of two evaluations is better, image by image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options

if TYPE_CHECKING:
    from fercli.evaluate.compare import Comparison


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A folder that fer eval --out wrote, or a predictions.csv.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The other one; differences are B minus A.")],
    *,
    changed: Annotated[
        int, typer.Option("--changed", min=0, help="How many images to list of those gained, and of those lost.")
    ] = 5,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to make: comparison.json, and changed.csv with all of them."),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option("--images", metavar="DATA", help="The data set of both: shows what changed on compare.html."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the bootstrap.")] = 0,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare two evaluations of the same images: McNemar's exact test, bootstrap intervals, the images that changed.

    Example:

      fer compare runs/before/eval runs/after/eval
    """
    from fercli.evaluate import compare as step

    result = step.compare(a, b, images=images, seed=seed, out=out, overwrite=overwrite)
    if not quiet:
        for warning in result.warnings:
            console.warn(warning)
    if json:
        console.json_line(step.as_record(result))
    else:
        _show(result, changed)
    if out is not None and not quiet:
        console.say(f"written: {out}")


def _show(result: Comparison, changed: int) -> None:
    test = result.test
    sides = [
        [f"{letter}: {side.name}", test.n, f"{100 * side.overall:.2f}", _interval(side.interval),
         f"{100 * side.mean_class:.2f}", side.only_here]
        for letter, side in (("A", result.a), ("B", result.b))
    ]  # fmt: skip
    head = ["", "images in both", "accuracy %", "95 % interval", "mean class %", "other images, left out"]
    console.show(console.table("The same images, read twice", head, sides))
    differences = [
        ["accuracy", f"{100 * test.difference:+.2f}", _interval(test.difference_interval)],
        ["mean class accuracy", f"{100 * test.mean_difference:+.2f}", _interval(test.mean_difference_interval)],
    ]
    console.show(console.table("B minus A", ["", "points", "95 % interval (bootstrap)"], differences))
    console.show(
        f"Only A is right on {test.only_a} images, only B on {test.only_b}; both on {test.both}, neither on {test.neither}."
    )
    console.show(f"McNemar's exact test: p = {test.p_value:.3g} (mid-p {test.mid_p:.3g}). {_verdict(test.p_value)}")
    rows = [[item.name, item.n, item.only_a, item.only_b, f"{item.p_value:.3g}"] for item in result.classes]
    head = ["class", "images", "only A right", "only B right", "p, not corrected for the number of classes"]
    console.show(console.table("Class by class", head, rows))
    if changed and result.changes:
        images = [
            [c.path, c.truth, f"{c.first} {c.first_probability:.0%}", f"{c.second} {c.second_probability:.0%}", c.kind]
            for kind in ("gained", "lost")
            for c in [change for change in result.changes if change.kind == kind][:changed]
        ]
        title = f"{len(images)} of {len(result.changes)} images that are read differently"
        console.show(console.table(title, ["image", "label", "A", "B", ""], images))


def _verdict(p_value: float) -> str:
    return "The two differ." if p_value < 0.05 else "These images do not tell the two apart."


def _interval(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f}"
