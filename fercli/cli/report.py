"""`fer report`: the paper's tables, published rows beside measured ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from fercli.cli import console, options


def report(
    table: Annotated[
        Literal["table1", "table2", "table3", "table4", "table5", "table6", "table7", "table8", "ferplus", "fer2013"],
        typer.Argument(
            metavar="TABLE",
            help="table1 to table3 (RAF-DB, AffectNet-7, AffectNet-8), table4 (by class), table5 to table8 (components, "
            "lambda, batch size, losses), ferplus or fer2013.",
        ),
    ],
    *,
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="[NAME=]DIR",
            help="A folder of fer train, fer eval --out or, for table5 to table8, fer ablate; folders with one NAME are runs "
            "of one method (table5 to table8: of one setting). Repeatable.",
        ),
    ] = None,
    out: Annotated[Path | None, options.new_folder("the table as markdown and as csv")] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Print a table of the paper in markdown: published scores with their source, and measured ones beside them.

    Several runs of one name, or the seeds of one folder, are shown as their mean and standard deviation.

    Example:

      fer report table1 --run runs/rafdb-btn-base
    """
    from fercli.evaluate import report as step

    result = step.report(table, run or (), out=out, overwrite=overwrite)
    for warning in result.warnings:
        console.warn(warning)
    if json:
        console.json_line(result)
    else:
        console.show(result.as_markdown().rstrip())
    if out is not None and not quiet:
        console.say(f"written: {out}")
