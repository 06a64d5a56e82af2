"""`fer report`: the paper's tables, published rows beside measured ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from fercli.cli import console, options


def report(
    table: Annotated[
        Literal["table1", "table2", "table3", "table4", "ferplus", "fer2013"],
        typer.Argument(
            metavar="TABLE",
            help="The paper's tables (RAF-DB, AffectNet-7, AffectNet-8, by class), or FERPlus or FER2013.",
        ),
    ],
    *,
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="[NAME=]DIR",
            help="A folder of fer eval --out or fer train; folders with one NAME are runs of one method. Repeatable.",
        ),
    ] = None,
    out: Annotated[Path | None, options.new_folder("the table as markdown and as csv")] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Print a table of the paper in markdown: published rows with their source, and measured rows.

    Several runs of one name are shown as their mean and standard deviation.

    Example:

      fer report ferplus --run runs/eval
    """
    from fercli.evaluate import paper_tables as step

    result = step.report(table, run or (), out=out, overwrite=overwrite)
    if json:
        console.json_line(result)
    else:
        console.show(step.as_markdown(result).rstrip())
    if out is not None and not quiet:
        console.say(f"written: {out}")
