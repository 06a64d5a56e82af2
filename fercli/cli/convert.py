"""`fer convert`: weights of another project to ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from fercli.cli import options
from fercli.cli.console import json_line, say, show, table


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A torch checkpoint (.pth, .pt, .tar), or a tfjs manifest (.json).")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .safetensors file to write.")],
    *,
    kind: Annotated[
        Literal["auto", "poster_v2", "mobilefacenet", "ir50", "face_resnet"],
        typer.Option("--from", help="What SOURCE is. auto tells by the names of its tensors."),
    ] = "auto",
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="SCHEMA",
            help="Data set whose classes a whole model was trained on: rafdb, affectnet7, affectnet8, ...",
        ),
    ] = None,
    faces: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Face crops to measure a face_resnet's batch-norm statistics on, to train from it."
        ),
    ] = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Turn published weights into a file that `fer` reads, and report what became of every tensor.

    No code of the file is run. POSTER_V2 checkpoints become whole models; MobileFaceNet, IR50 and face-api.js' face
    ResNet become backbones to start training from.

    Example:

      fer convert raf-db-model_best.pth poster-v2-rafdb.safetensors --labels rafdb
    """
    from collections import Counter

    from fercli.steps.convert import convert as run

    report = run(source, out, kind=kind, labels=labels, faces=faces, overwrite=overwrite)
    if json:
        json_line(report)
        return
    rows: list[tuple[str, int, str]] = [("matched", len(report.renamed), "under our names")]
    rows += [("dropped", count, why) for why, count in Counter(report.dropped.values()).items()]
    show(table(f"{report.source} ({report.kind})", ("tensors", "count", "what became of them"), rows))
    say(f"wrote {report.out}: {report.part.replace('_', ' ')}, {report.parameters:,} parameters")
    if report.labels:
        say(f"classes: {', '.join(report.labels)}")
        say(f"next:  fer predict PHOTO --weights {report.out}")
        say(f"       fer export --onnx --weights {report.out}")
