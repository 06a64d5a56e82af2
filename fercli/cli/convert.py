"""`fer convert`: weights of another project to ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import options
from fercli.cli.console import json_line, say, show, table

if TYPE_CHECKING:
    from fercli.weights.foreign.file import ConvertReport

Kind = Annotated[
    Literal["auto", "poster_v2", "mobilefacenet", "ir50", "face_resnet"],
    typer.Option("--from", help="What SOURCE is. auto tells by the names of its tensors."),
]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="SCHEMA", help="Data set whose classes a whole model was trained on: rafdb, affectnet7, affectnet8, ..."
    ),
]
Faces = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Face crops to measure a face_resnet's batch-norm statistics on, to train from it."
    ),
]
COLUMNS = ("tensors", "count", "what became of them")


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A torch checkpoint (.pth, .pt, .tar), or a tfjs manifest (.json).")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .safetensors file to write.")],
    *,
    kind: Kind = "auto",
    labels: Labels = None,
    faces: Faces = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Turn published weights into a file that `fer` reads, and report what became of every tensor.

    No code of the file is run. POSTER_V2 checkpoints become whole models; MobileFaceNet, IR50 and face-api.js' face
    ResNet become backbones to start training from.

    Example:

      fer convert raf-db-model_best.pth poster-v2-rafdb.safetensors --labels rafdb
    """
    from fercli.weights.foreign.convert import convert as run

    with telling_what_is_missing(json=json):
        report = run(source, out, kind=kind, labels=labels, faces=faces, overwrite=overwrite)
    show_report(report, json=json)


@contextmanager
def telling_what_is_missing(*, json: bool) -> Iterator[None]:
    """Show what a file that is refused as incomplete does and does not hold, before its error is told."""
    from fercli.weights.foreign.conversion import IncompleteError

    try:
        yield
    except IncompleteError as error:
        found = error.conversion
        if found is not None and json:
            json_line({"renamed": found.renamed, "dropped": found.dropped, "missing": error.missing})
        elif found is not None:
            missing = Counter(name.rpartition(".")[0] for name in error.missing)
            rows = _rows(found.renamed, found.dropped) + [("missing", n, f"of {name}") for name, n in missing.items()]
            show(table(f"{found.source}, refused", COLUMNS, rows))
        raise


def show_report(report: ConvertReport, *, json: bool) -> None:
    """Tell what became of every tensor, and what can be done with the file."""
    if json:
        json_line(report)
        return
    show(table(f"{report.source} ({report.kind})", COLUMNS, _rows(report.renamed, report.dropped)))
    say(f"wrote {report.out}: {report.part.replace('_', ' ')}, {report.parameters:,} parameters")
    if report.labels:
        say(f"classes: {', '.join(report.labels)}")
        say(f"next:  fer predict PHOTO --weights {report.out}")
        say(f"       fer export --onnx --weights {report.out}")


def _rows(renamed: Mapping[str, str], dropped: Mapping[str, str]) -> list[tuple[str, int, str]]:
    rows = [("matched", len(renamed), "under our names")]
    return rows + [("dropped", count, why) for why, count in Counter(dropped.values()).items()]
