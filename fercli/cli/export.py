"""`fer export`: a model as one file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import options
from fercli.cli.console import json_line, progress, say, show, table

if TYPE_CHECKING:
    from fercli.export.export import ExportReport

_IMAGES = {"faces": "face crops", "generated": "generated images, no real faces (--faces DIR)"}
_WORDS = {"fp16": "float16", "int8": "int8 where it is convolutions and matrix products"}
_TAKES = {
    "images": "normalised images of the model's size",
    "crops": "aligned RGB crops of any size",
    "faces": "RGB pictures of any size with five points of a face",
}


def export(
    *,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write an ONNX file.")] = False,
    pt2: Annotated[
        bool, typer.Option("--pt2", help="Write a torch.export program, for programs with torch but without fer.")
    ] = False,
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
    interface: Annotated[
        Literal["images", "crops", "faces"],
        typer.Option(
            "--input",
            help="What the file takes: normalised images; uint8 crops of any size; or crops with five points of the face.",
        ),
    ] = "images",
    precision: Annotated[
        Literal["fp32", "fp16", "int8"],
        typer.Option(
            help="What the network computes in. fp16 is for CUDA; int8 is calibrated on the crops of --faces."
        ),
    ] = "fp32",
    store: Annotated[
        Literal["fp16", "fp32"],
        typer.Option(help="How the file keeps float32 weights: fp16 is half the size and unpacked when it is loaded."),
    ] = "fp16",
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a model as one ONNX file with its card inside, after ONNX Runtime gave the same answers as torch.

    Example:

      fer export --onnx --weights runs/mine/best.safetensors --out mine.onnx
    """
    from fercli.errors import UsageError
    from fercli.export.export import export as run
    from fercli.export.export import export_program
    from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX, find_weights

    if onnx == pt2:
        raise UsageError("one format to export to, please: --onnx or --pt2", fix="fer export --onnx")
    if pt2 and (interface, precision) != ("images", "fp32"):
        raise UsageError("--input and --precision are for ONNX files", fix="fer export --onnx")
    path = find_weights(weights, (TORCH_SUFFIX,))
    with progress("export", quiet=quiet) as report_progress:
        if pt2:
            report = export_program(
                path, out or Path(path.stem + ".pt2"), faces=faces, overwrite=overwrite, progress=report_progress
            )
        else:
            report = run(
                path,
                out or Path(path.stem + ONNX_SUFFIX),
                faces=faces,
                interface=interface,
                precision=precision,
                store=store,
                overwrite=overwrite,
                progress=report_progress,
            )
    if json:
        json_line(report)
        return
    parity = report.parity
    rows = [
        ("size", f"{report.size_bytes / 1e6:.1f} MB, {report.parameters:,} parameters{_opset(report)}"),
        (
            "compared",
            f"with torch in batches of {', '.join(map(str, parity.batches))} on {parity.distinct} {_IMAGES[parity.images]}",
        ),
        ("takes", _TAKES[report.interface]),
        ("weights", _kept(report)),
        ("largest difference", f"{parity.max_difference:.2g} in a logit (mean {parity.mean_difference:.2g})"),
        ("before rounding", f"{parity.translation:.2g}"),
        ("same class", f"{parity.top1_agreement:.1%}"),
    ]
    if report.preprocessing is not None:
        found = report.preprocessing
        rows.append(
            (
                "preprocessing inside",
                f"{found.max_difference:.2g} in a probability (mean {found.mean_difference:.2g}), "
                f"same class {found.top1_agreement:.1%} of {found.pictures} pictures",
            )
        )
    show(table(f"{report.out} ({report.name})", ("what", "value"), rows))
    if not quiet and onnx:
        say(f"next:  fer predict PHOTO --weights {report.out}")
        say(f"       fer eval {report.out} DATA")


def _kept(report: ExportReport) -> str:
    halves = report.halves
    if report.precision != "fp32":
        return f"computed in {_WORDS[report.precision]}"
    if halves is None:
        return "stored and computed in float32"
    kept = f", {len(halves.kept)} that do not fit kept in float32" if halves.kept else ""
    return (
        f"stored in float16 ({halves.tensors} tensors, changed by up to {halves.change:.2%}{kept}), computed in float32"
    )


def _opset(report: ExportReport) -> str:
    return "" if report.opset is None else f", opset {report.opset}"
