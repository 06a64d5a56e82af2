"""`fer merge`: one result from the parts that the shards of `fer predict` or `fer align` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fercli.cli import console, options
from fercli.errors import RefusedError, UsageError
from fercli.formatting import pluralize, printable

if TYPE_CHECKING:
    from fercli.predict.parts import Parts


def merge(
    parts: Annotated[
        Path, typer.Argument(metavar="PARTS", help="Output folder of fer predict or fer align with --shard.")
    ],
    *,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help="Table to write: .csv, .parquet or .jsonl.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for predictions.csv and index.html, and for videos summary.csv and events.csv.",
            show_default=False,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    strict: options.Strict = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Merge the parts of all shards into one result, and list what is missing.

    Rows are in the order of the names of their sources. Of the crops of fer align, align.csv and the contact sheet are
    written into PARTS. With --strict the exit code is 1 if anything is missing.

    Example:

      fer merge parts --out results
    """
    from fercli.align.shards import sharded_folder

    crops = sharded_folder(parts)
    if crops is not None:
        if save is not None or out is not None:
            raise UsageError(f"{parts} has crops, whose record stays with them", fix=f"fer merge {parts}")
        _merge_crops(crops, strict=strict, json=json, quiet=quiet)
        return
    if save is None and out is None:
        raise UsageError("no output given", fix=f"fer merge {parts} --save FILE.csv, or --out DIR")
    _merge_predictions(parts, save, out, overwrite=overwrite, strict=strict, json=json, quiet=quiet)


def _merge_predictions(
    folder: Path, save: Path | None, out: Path | None, *, overwrite: bool, strict: bool, json: bool, quiet: bool
) -> None:
    from fercli.predict.merge import merge_parts
    from fercli.predict.parts import read_parts
    from fercli.system.packages import require

    require("fer merge", ["pyarrow"])
    found = read_parts(folder)
    with console.progress("merge", quiet=quiet) as progress:
        merged = merge_parts(found, save, out, overwrite=overwrite, progress=progress)
    written = ", ".join(str(path) for path in merged.files)
    if json:
        failed = _failed(found)
        counts = {"rows": merged.rows, "sources": len(found.parts), "left_out": found.left_out, "lists": found.lists}
        console.json_line({**counts, "failed": failed, **_gaps(found)})
    else:
        console.show(
            printable(f"{pluralize(merged.rows, 'row')} of {pluralize(len(found.parts), 'source')} in {written}")
        )
    if found.left_out:
        console.warn(
            f"{pluralize(found.left_out, 'part')} in {folder} left out: of another list of sources, of files that changed, or "
            "of other settings"
        )
    problems = [f"could not be read: {source}: {detail}" for source, detail in found.failed]
    if found.lists:
        given = ", ".join(f"shard {shard}: {count:,}" for shard, count in found.lists)
        problems.append(
            f"shards had different lists of sources ({given}), so some may be missing: run the shards again"
        )
    _end(problems, found.missing, found.missing_shards, written, strict=strict)


def _merge_crops(folder: Path, *, strict: bool, json: bool, quiet: bool) -> None:
    from fercli.align.shards import merge_shards
    from fercli.cli.align import show

    merged = merge_shards(folder)
    unreadable = merged.result.unreadable
    if json:
        failed = [{"source": row.source, "detail": row.reason} for row in unreadable]
        console.json_line(
            {"pictures": merged.result.pictures, "crops": merged.result.crops, "failed": failed, **_gaps(merged)}
        )
    else:
        show(merged.result)
        if not quiet:
            console.say(printable(f"contact sheet: {merged.result.contact_sheet}"))
    problems = [f"could not be read: {row.source}: {row.reason}" for row in unreadable]
    _end(problems, merged.missing, merged.missing_shards, str(folder), strict=strict)


def _failed(found: Parts) -> list[dict[str, str]]:
    return [{"source": source, "detail": detail} for source, detail in found.failed]


def _gaps(found: Any) -> dict[str, Sequence[object]]:
    return {"missing": found.missing, "missing_shards": found.missing_shards}


def _end(
    problems: list[str], missing: Sequence[str], missing_shards: Sequence[int], written: str, *, strict: bool
) -> None:
    """List what is missing; raise with --strict if anything is."""
    problems += [f"not finished: {source}" for source in missing]
    problems += [f"not started: shard {number}" for number in missing_shards]
    console.warn_each(problems)
    if problems and strict:
        raise RefusedError(f"{written} lacks {pluralize(len(problems), 'item')} (--strict)", fix="run the shards again")
