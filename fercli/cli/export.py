"""`fer export`: write a model as one file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import options
from fercli.cli.console import json_line, progress, say, show, table
from fercli.config.defaults import ONNX_OPSET

if TYPE_CHECKING:
    from fercli.export.options import ExportReport

_FORMAT = "Format"  # panel of the help page
_IMAGES = {"faces": "face crops", "generated": "generated images, no real faces (--faces DIR)"}
_PRECISIONS = {"fp16": "float16", "int8": "int8 (convolutions and matrix products)"}
_INPUTS = {
    "images": "normalised images of the model's size",
    "crops": "aligned RGB crops of any size",
    "faces": "RGB images of any size with five points of a face",
}


def export(
    *,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write an ONNX file.", rich_help_panel=_FORMAT)] = False,
    pt2: Annotated[
        bool,
        typer.Option(
            "--pt2",
            help="Write a torch.export program, for programs with torch but without fer.",
            rich_help_panel=_FORMAT,
        ),
    ] = False,
    weights: options.Weights = None,
    convention: Annotated[
        str | None,
        typer.Option(
            "--convention",
            metavar="perceived|posed|mixed",
            help="Export only this label convention of the model (default: one output for each).",
            rich_help_panel=options.MODEL,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="File to write (default: NAME.onnx or NAME.pt2 in this folder).",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    faces: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Face crops to compare the file with torch on (default: generated images).",
            rich_help_panel=options.DATA,
        ),
    ] = None,
    interface: Annotated[
        Literal["images", "crops", "faces"],
        typer.Option(
            "--input",
            help="Input of the file: normalised images; uint8 crops of any size; or crops with five points of a face.",
            rich_help_panel=_FORMAT,
        ),
    ] = "images",
    precision: Annotated[
        Literal["fp32", "fp16", "int8"],
        typer.Option(
            help="Precision of the computation. fp16 is for CUDA; int8 is calibrated on --faces.",
            rich_help_panel=_FORMAT,
        ),
    ] = "fp32",
    store: Annotated[
        Literal["fp16", "fp32"],
        typer.Option(
            help="Storage of float32 weights: fp16 halves the file and is converted when it is loaded.",
            rich_help_panel=_FORMAT,
        ),
    ] = "fp16",
    device: Annotated[
        str,
        typer.Option(
            help="Device on which the ONNX file is compared with torch too: cpu, cuda[:N] or tensorrt[:N].",
            rich_help_panel=_FORMAT,
        ),
    ] = "cpu",
    opset: Annotated[
        int,
        typer.Option(
            "--opset",
            metavar="N",
            help="Version of ONNX's operators, for older or newer runtimes: 18 to 23, with crops and faces from 20.",
            rich_help_panel=_FORMAT,
        ),
    ] = ONNX_OPSET,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a model as one ONNX file with its card inside, if ONNX Runtime gives the same predictions as torch.

    Example:

      fer export --onnx --weights runs/mine/best.safetensors --out mine.onnx
    """
    from fercli.errors import UsageError
    from fercli.export.export import export as run
    from fercli.export.options import ExportOptions
    from fercli.export.program import export_program
    from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX
    from fercli.weights.find import find_weights

    if onnx == pt2:
        raise UsageError("choose one format: --onnx or --pt2", fix="fer export --onnx")
    if pt2 and (interface, precision, device, opset) != ("images", "fp32", "cpu", ONNX_OPSET):
        raise UsageError("--input, --precision, --device and --opset are for ONNX files", fix="fer export --onnx")
    path = find_weights(weights, (TORCH_SUFFIX,))
    chosen = ExportOptions(
        faces=faces,
        interface=interface,
        precision=precision,
        store=store,
        device=device,
        convention=convention,
        opset=opset,
        overwrite=overwrite,
    )
    with progress("export", quiet=quiet) as report_progress:
        if pt2:
            report = export_program(path, out or Path(path.stem + ".pt2"), chosen, progress=report_progress)
        else:
            report = run(path, out or Path(path.stem + ONNX_SUFFIX), chosen, progress=report_progress)
    if json:
        json_line(report)
        return
    show(table(f"{report.out} ({report.name})", ("what", "value"), _rows(report)))
    if not quiet and onnx:
        say(f"next:  fer predict PHOTO --weights {report.out}")
        say(f"       fer eval {report.out} DATA")


def _rows(report: ExportReport) -> list[tuple[str, str]]:
    from fercli.formatting import percent

    parity, batches = report.parity, ", ".join(map(str, report.parity.batches))
    opset = "" if report.opset is None else f", opset {report.opset}"
    rows = [
        ("size", f"{report.size_bytes / 1e6:.1f} MB, {report.parameters:,} parameters{opset}"),
        ("compared", f"with torch in batches of {batches} on {parity.distinct} {_IMAGES[parity.images]}"),
        ("input", _INPUTS[report.interface]),
        ("weights", _weights(report)),
        *((("label conventions", ", ".join(report.conventions)),) if report.conventions else ()),
        ("largest difference", f"{parity.max_difference:.2g} in a logit (mean {parity.mean_difference:.2g})"),
        ("before rounding", f"{parity.translation:.2g}"),
        ("same class", percent(parity.top1_agreement, 1)),
    ]
    if (other := report.device_parity) is not None:
        rows.append(
            (
                other.runtime,
                f"{other.max_difference:.2g} in a logit (mean {other.mean_difference:.2g}), "
                f"same class on {percent(other.top1_agreement, 1)}",
            )
        )
    if report.preprocessing is not None:
        inside = report.preprocessing
        rows.append(
            (
                "preprocessing inside",
                f"{inside.max_difference:.2g} in a probability (mean {inside.mean_difference:.2g}), "
                f"same class on {percent(inside.top1_agreement, 1)} of {inside.pictures} images",
            )
        )
    return rows


def _weights(report: ExportReport) -> str:
    from fercli.formatting import percent, pluralize

    storage = report.float16_storage
    if report.precision != "fp32":
        return f"computed in {_PRECISIONS[report.precision]}"
    if storage is None:
        return "stored and computed in float32"
    kept = f", {pluralize(len(storage.kept), 'tensor')} kept in float32" if storage.kept else ""
    stored = f"{pluralize(storage.tensors, 'tensor')}, changed by up to {percent(storage.change, 2)}{kept}"
    return f"stored in float16 ({stored}), computed in float32"
