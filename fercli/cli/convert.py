"""`fer convert`: convert checkpoints of other projects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import options
from fercli.cli.console import json_line, say, show, table
from fercli.weights.foreign.formats import AUTO, FORMATS

if TYPE_CHECKING:
    from fercli.weights.foreign.convert import ConvertReport

SourceFormat = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="FORMAT",
        help=f"Format of SOURCE: {', '.join(FORMATS)}, or auto to recognise it by the names of its tensors.",
    ),
]
ConvertLabels = Annotated[
    str | None,
    typer.Option(
        metavar="SCHEMA",
        help="Data set that a whole model was trained on, for its class names: rafdb, affectnet7, affectnet8, ...",
    ),
]
StatisticsFaces = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Face crops to measure the batch-norm statistics of a face_resnet on, for training from it."
    ),
]
_COLUMNS = ("tensors", "count", "detail")


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Torch checkpoint (.pth, .pt, .tar) or tfjs manifest (.json).")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help=".safetensors file to write.")],
    *,
    source_format: SourceFormat = AUTO,
    labels: ConvertLabels = None,
    faces: StatisticsFaces = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Convert a checkpoint of another project to a weights file, and report every tensor.

    No code in the file is run. POSTER_V2 checkpoints become whole models; MobileFaceNet, IR50 and face-api.js' face
    ResNet become backbones to train from.

    Example:

      fer convert raf-db-model_best.pth poster-v2-rafdb.safetensors --labels rafdb
    """
    from fercli.weights.foreign import convert as step

    with showing_missing_tensors(json=json):
        report = step.convert(source, out, source_format=source_format, labels=labels, faces=faces, overwrite=overwrite)
    show_report(report, json=json, quiet=quiet)


@contextmanager
def showing_missing_tensors(*, json: bool) -> Iterator[None]:
    """Show the converted and the missing tensors of an incomplete file before its error."""
    from fercli.weights.foreign.conversion import IncompleteError

    try:
        yield
    except IncompleteError as error:
        conversion = error.conversion
        if conversion is not None and json:
            json_line({"renamed": conversion.renamed, "dropped": conversion.dropped, "missing": error.missing})
        elif conversion is not None:
            missing = Counter(name.rpartition(".")[0] for name in error.missing)
            rows = _rows(conversion.renamed, conversion.dropped)
            rows += [("missing", count, f"of {name}") for name, count in missing.items()]
            show(table("refused: tensors are missing", _COLUMNS, rows))
        raise


def show_report(report: ConvertReport, *, json: bool, quiet: bool) -> None:
    """Show the tensors by what was done with them, and, unless `quiet`, the commands that use the file."""
    if json:
        json_line(report)
        return
    show(table(f"{report.source} ({report.format})", _COLUMNS, _rows(report.renamed, report.dropped)))
    if quiet:
        return
    say(f"wrote {report.out}: {report.part.replace('_', ' ')}, {report.parameters:,} parameters")
    if report.labels:
        say(f"classes: {', '.join(report.labels)}")
        say(f"next:  fer predict PHOTO --weights {report.out}")
        say(f"       fer export --onnx --weights {report.out}")


def _rows(renamed: Mapping[str, str], dropped: Mapping[str, str]) -> list[tuple[str, int, str]]:
    rows = [("converted", len(renamed), "renamed to BTN's names")]
    return rows + [("dropped", count, reason) for reason, count in Counter(dropped.values()).items()]
