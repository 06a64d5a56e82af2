"""`fer describe`: shapes, parameters and multiply-adds of a network, module by module."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options

if TYPE_CHECKING:
    from fercli.explain.describe import Description
    from fercli.models.counting import ModuleCount


_DIGESTS = {
    "verified": "The file matches the digest inside it.",
    "none": "The file has no digest: damage that leaves it readable would not be noticed.",
}


def describe(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A preset such as btn-base, a weights file, a run folder, or a shipped name."
        ),
    ],
    *,
    classes: Annotated[
        int | None, typer.Option("--classes", min=2, help="Number of classes of a preset (default: 7).")
    ] = None,
    depth: Annotated[int, typer.Option("--depth", min=1, help="How many levels of submodules to list.")] = 2,
    keys: Annotated[
        bool, typer.Option("--keys", help="List every entry of the state dict instead, with its shape and kind.")
    ] = False,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", help="Recipe whose losses decide which modules training has (default: the preset's usual one)."
        ),
    ] = None,
    settings: options.Settings = None,
    out: Annotated[Path | None, options.new_folder("describe.json, modules.csv (all levels) and keys.csv")] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show a network's shapes, parameters and multiply-adds (MACs), in inference and in training.

    MACs of one image are counted twice: exactly, and by the rules of thop, which published figures follow.

    Example:

      fer describe btn-base
    """
    from fercli.explain import describe as step

    result = step.describe(name, recipe=recipe, classes=classes, settings=settings or (), out=out, overwrite=overwrite)
    if json:
        console.json_line(step.description_record(result))
    elif keys:
        _show_keys(result)
    else:
        _show(result, depth)
    if out is not None and not quiet:
        console.say(f"written: {out}")


def _show(result: Description, depth: int) -> None:
    from fercli.explain.describe import level

    inference, training = result.inference, result.training
    names = {module.name for module in result.modules}
    at_inference = {module.name for module in inference.modules}
    rows = [
        _row(module, used="inference" if module.name in at_inference else "training", indent=level(module, names) - 1)
        for module in result.modules
        if level(module, names) <= depth and module.kind != "Identity"
    ]
    title = f"{result.name} ({result.preset}): {result.classes} classes, {result.input_size} px, one image"
    columns = ["module", "used in", "output", "parameters", "MACs M", "thop MACs M"]
    console.show(console.table(title, columns, rows))
    parameters = [
        ["total", training.total.parameters],
        ["live: used in a forward pass", training.total.parameters - training.dead],
        ["training only", result.training_only],
        ["inference", inference.total.parameters],
        ["of these frozen (landmark branch)", inference.frozen],
    ]
    console.show(console.table("Parameters", ["", "count"], [[name, f"{count:,}"] for name, count in parameters]))
    head = inference.discarded
    totals = [
        ["inference", *_totals(inference.total)],
        ["training", *_totals(training.total)],
        ["inference + discarded landmark head", *_totals(inference.total, head)],
        ["training + discarded landmark head", *_totals(training.total, head)],
    ]
    console.show(console.table("MACs of one image", ["", "exact G", "thop-style G", "thop-style parameters M"], totals))
    if result.digest is not None:
        console.show(_DIGESTS[result.digest])
    console.show(
        "The landmark head is computed and discarded by the public baseline. Published figures count it; "
        "this network does not have it."
    )


def _show_keys(result: Description) -> None:
    rows = [
        [key.name, "x".join(map(str, key.shape)), key.dtype, key.kind, f"{math.prod(key.shape):,}", key.used_in]
        for key in result.keys
    ]
    title = f"{result.name} ({result.preset}): {result.classes} classes, {len(rows)} entries"
    console.show(console.table(title, ["key", "shape", "type", "kind", "numbers", "used in"], rows))


def _row(module: ModuleCount, *, used: str, indent: int) -> list[object]:
    from fercli.explain.describe import shape_text

    shapes = " ".join(shape_text(shape) for shape in module.output)
    macs = f"{module.macs / 1e6:.2f}", f"{module.thop_macs / 1e6:.2f}"
    return [f"{'  ' * indent}{module.name}", used, shapes, f"{module.parameters:,}", *macs]


def _totals(*parts: ModuleCount) -> list[str]:
    macs, thop = sum(part.macs for part in parts), sum(part.thop_macs for part in parts)
    parameters = sum(part.thop_parameters for part in parts)
    return [f"{macs / 1e9:.4f}", f"{thop / 1e9:.4f}", f"{parameters / 1e6:.4f}"]
