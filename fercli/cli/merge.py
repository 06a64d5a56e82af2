"""`fer merge`: one table from the parts that the shards of `fer predict` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fercli.cli import console, options
from fercli.errors import RefusedError
from fercli.formatting import pluralize

_LISTED = 20


def merge(
    parts: Annotated[Path, typer.Argument(metavar="PARTS", help="Folder of fer predict --out with --shard.")],
    *,
    save: Annotated[
        Path,
        typer.Option("--save", metavar="FILE", help="Table to write: .csv, .parquet or .jsonl.", show_default=False),
    ],
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Merge the parts of all shards into one table, and list what is missing.

    Rows are in the order of the names of their sources. With --strict the exit code is 1 if anything is missing.

    Example:

      fer merge parts --save faces.parquet
    """
    from fercli.predict.parts import read_parts
    from fercli.rows.formats import check_table_path, open_table
    from fercli.rows.read import read_rows

    check_table_path(save, overwrite=overwrite)
    found = read_parts(parts)
    run = read_rows(found.parts[0][1]).run if found.parts else None
    count = 0
    with (
        console.progress("merge", quiet=quiet) as progress,
        open_table(save, found.labels, run=run, overwrite=overwrite) as table,
    ):
        for done, (source, path) in enumerate(found.parts):
            progress(done, len(found.parts), source)
            for prediction in read_rows(path).predictions():
                table.add((prediction,))
                count += 1
    if json:
        console.json_line(
            {
                "rows": count,
                "sources": len(found.parts),
                "failed": [{"source": source, "detail": detail} for source, detail in found.failed],
                "missing": found.missing,
                "missing_shards": found.missing_shards,
            }
        )
    else:
        console.show(f"{pluralize(count, 'row')} of {pluralize(len(found.parts), 'source')} in {save}")
    problems = [f"could not be read: {source}: {detail}" for source, detail in found.failed]
    problems += [f"not finished: {source}" for source in found.missing]
    problems += [f"not started: shard {number}" for number in found.missing_shards]
    for line in problems[:_LISTED]:
        console.warn(line)
    if len(problems) > _LISTED:
        console.warn(f"and {len(problems) - _LISTED} more")
    if problems and strict:
        raise RefusedError(f"{save} lacks {pluralize(len(problems), 'item')} (--strict)", fix="run the shards again")
