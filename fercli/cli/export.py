"""`fer export`: a model as one file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fercli.cli import options
from fercli.cli.console import json_line, progress, say, show, table

_IMAGES = {"faces": "face crops", "generated": "generated images"}


def export(
    *,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write an ONNX file.")] = False,
    weights: options.Weights = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="File to write; left out: NAME.onnx here.")
    ] = None,
    faces: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Face crops to compare ONNX Runtime with torch on; left out: generated images."
        ),
    ] = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a model as one ONNX file with its card inside, after ONNX Runtime gave the same answers as torch.

    Example:

      fer export --onnx --weights runs/mine/best.safetensors --out mine.onnx
    """
    from fercli.errors import UsageError
    from fercli.steps.export import export as run
    from fercli.store.weights import ONNX_SUFFIX, TORCH_SUFFIX, find_weights

    if not onnx:
        raise UsageError("no format to export to; there is one: --onnx", fix="fer export --onnx")
    path = find_weights(weights, (TORCH_SUFFIX,))
    with progress("export", quiet=quiet) as report_progress:
        report = run(
            path, out or Path(path.stem + ONNX_SUFFIX), faces=faces, overwrite=overwrite, progress=report_progress
        )
    if json:
        json_line(report)
        return
    parity = report.parity
    rows = [
        ("size", f"{report.size_bytes / 1e6:.1f} MB, {report.parameters:,} parameters, opset {report.opset}"),
        ("compared", f"with torch on {_IMAGES[parity.images]}, batches of {', '.join(map(str, parity.batches))}"),
        ("largest difference", f"{parity.max_difference:.2g} in a logit (mean {parity.mean_difference:.2g})"),
        ("same class", f"{parity.top1_agreement:.1%}"),
    ]
    show(table(f"{report.out} ({report.name})", ("what", "value"), rows))
    if not quiet:
        say(f"next:  fer predict PHOTO --weights {report.out}")
        say(f"       fer eval {report.out} DATA")
