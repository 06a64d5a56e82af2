"""`fer compare`: whether one of two evaluations of the same images is better."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options
from fercli.formatting import in_percent, interval_percent, pluralize, probability_percent, signed_percent

if TYPE_CHECKING:
    from fercli.evaluate.compare.comparison import Comparison


def compare(
    a: Annotated[
        Path, typer.Argument(metavar="A", help="A folder of fer train or fer eval --out, or a table of predictions.")
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="The other one. Differences are B minus A.")],
    *,
    changed: Annotated[
        int, typer.Option("--changed", min=0, help="How many gained and how many lost images to list.")
    ] = 5,
    out: Annotated[Path | None, options.new_folder("comparison.json and changed.csv (all changed images)")] = None,
    images: Annotated[
        str | None,
        typer.Option(
            "--images", metavar="DATA", help="The data set of both, to show the changed images on compare.html."
        ),
    ] = None,
    data: options.DataFolder = None,
    seed: Annotated[int, options.seed_of("the bootstrap")] = 0,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare two evaluations of the same images: McNemar's exact test, bootstrap intervals, changed images.

    Example:

      fer compare runs/before/eval runs/after/eval
    """
    from fercli.evaluate.compare import compare as step

    result = step.compare(a, b, images=images, folder=data, seed=seed, out=out, overwrite=overwrite)
    for warning in result.warnings:
        console.warn(warning)
    if json:
        console.json_line(step.comparison_record(result))
    else:
        _show(result, changed)
    if out is not None and not quiet:
        console.say(f"written: {out}")


def _show(result: Comparison, changed: int) -> None:
    test = result.test
    models = [
        [
            f"{letter}: {model.name}",
            test.images,
            in_percent(model.accuracy),
            interval_percent(model.accuracy_interval),
            in_percent(model.mean_accuracy),
            model.unpaired,
        ]
        for letter, model in (("A", result.a), ("B", result.b))
    ]
    head = ["", "images in both", "accuracy %", "95 % interval", "mean class %", "unpaired images, not scored"]
    console.show(console.table("Two models on the same images", head, models))
    if result.collapsed:
        from fercli.evaluate.compare.page import COLLAPSED

        console.show(COLLAPSED)
        return
    differences = [
        [name, signed_percent(difference), interval_percent(interval, signed=True)]
        for name, difference, interval in (
            ("accuracy", test.accuracy_difference, test.accuracy_difference_interval),
            ("mean class accuracy", test.mean_accuracy_difference, test.mean_accuracy_difference_interval),
        )
    ]
    console.show(console.table("B minus A", ["", "points", "95 % interval (bootstrap)"], differences))
    console.show(
        f"Only A is right on {test.only_a} images, only B on {test.only_b}; both on {test.both}, neither on {test.neither}."
    )
    console.show(f"McNemar's exact test: p = {test.p_value:.3g} (mid-p {test.mid_p:.3g}). {_verdict(test.p_value)}")
    rows = [[item.name, item.images, item.only_a, item.only_b, f"{item.p_value:.3g}"] for item in result.classes]
    head = ["class", "images", "only A right", "only B right", "p (not corrected for the number of classes)"]
    console.show(console.table("By class", head, rows))
    if changed and result.changes:
        images = [
            [
                c.source,
                c.truth,
                f"{c.label_a} {probability_percent(c.probability_a)}",
                f"{c.label_b} {probability_percent(c.probability_b)}",
                c.kind,
            ]
            for kind in ("gained", "lost")
            for c in [change for change in result.changes if change.kind == kind][:changed]
        ]
        title = f"{len(images)} of {pluralize(len(result.changes), 'image')} with different predictions"
        console.show(console.table(title, ["image", "truth", "A", "B", ""], images))


def _verdict(p_value: float) -> str:
    return "Significant difference (5 %)." if p_value < 0.05 else "No significant difference on these images (5 %)."
