"""`fer baseline`: subtract every person's resting expression from a saved table of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fercli.cli import coding_options, console, options
from fercli.cli.predict_privacy import LogOption
from fercli.cli.table_log import table_log
from fercli.formatting import pluralize


def baseline(
    context: typer.Context,
    table: Annotated[
        Path,
        typer.Argument(metavar="TABLE", help="Table of fer predict: .csv, .parquet, .jsonl, or a folder of --out."),
    ],
    rest: Annotated[
        str,
        typer.Argument(
            metavar="SPAN|auto|FILE",
            help="When people rest: a span such as 0:00-0:10, the calmest seconds (auto), or a csv file with the columns "
            "person and span (videos) or person and neutral (pictures).",
        ),
    ],
    *,
    save: Annotated[
        Path,
        typer.Option(
            "--save", metavar="FILE", help="New table: .csv, .parquet or .jsonl.", rich_help_panel=options.OUTPUT
        ),
    ],
    people: coding_options.PeopleFile = None,
    processing_log: LogOption = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Subtract every person's resting expression from predictions, in logit space.

    fer predict --baseline does the same while it reads videos, so that copies and reports show it, too.

    Example:

      fer baseline results 0:00-0:10 --save corrected.csv
    """
    from fercli.predict.baseline.saved_rows import correct_rows
    from fercli.predict.baseline.table import read_baselines
    from fercli.rows.read import read_rows

    rows = read_rows(table)
    names = coding_options.read_people(people)
    with table_log(processing_log, context, [table, Path(rest) if Path(rest).is_file() else None, people], [save]):
        corrected = correct_rows(
            rows, read_baselines(rest), save, names=names, overwrite=overwrite, on_note=console.warn
        )
        coding_options.warn_of_names(names)
    if not quiet:
        console.say(f"baseline subtracted from {pluralize(corrected, 'face')}, written to {save}")
