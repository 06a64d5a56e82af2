"""`fer report`: the paper's tables, with what was measured here beside what was published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from fercli.cli import console, options


def report(
    table: Annotated[
        Literal["table1", "table2", "table3", "table4", "ferplus", "fer2013"],
        typer.Argument(help="RAF-DB, AffectNet-7, AffectNet-8, class-wise; and FERPlus and FER2013."),
    ],
    *,
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="[NAME=]DIR",
            help="A folder that fer eval --out wrote; those with one NAME are runs of one method. Many times.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to make: the table as markdown and as csv.")
    ] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Print a table of the paper in markdown: published rows with their source, and measured ones marked as such.

    Several runs of one name are given as their mean and standard deviation.

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
