"""A folder that `fer align` wrote into before in, which of its rows and crops still hold out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fercli.data.align_record import Alignment, AlignRow, AlignSettings, read_alignment, write_rows
from fercli.errors import DataError, RefusedError
from fercli.system.digest import file_state


def earlier_rows(
    source: Path, target: Path, settings: AlignSettings, *, overwrite: bool
) -> tuple[dict[str, list[AlignRow]], set[str]]:
    """Rows of an earlier run that still hold, by source, and places of the crops of those that do not.

    Makes `target` ready to be written to; overwrite: nothing holds then.
    Raises: RefusedError if `target` holds a run with other settings or anything else, DataError if it cannot be read.
    """
    earlier = _read_earlier(target, overwrite=overwrite)
    if earlier is None:
        target.mkdir(parents=True, exist_ok=True)
        return {}, set()
    for torn in target.rglob(".*.part.*"):  # what a killed run was writing
        torn.unlink()
    if overwrite:
        for row in earlier.rows:
            if row.output:
                (target / row.output).unlink(missing_ok=True)
        write_rows(target, [])
        return {}, set()
    if earlier.settings != settings:
        raise RefusedError(
            f"{target} was aligned with other settings: {_difference(earlier.settings, settings)}",
            fix="--overwrite to align it anew, or another output folder",
        )
    by_source: dict[str, list[AlignRow]] = {}
    for row in earlier.rows:
        by_source.setdefault(row.source, []).append(row)
    kept = {name: rows for name, rows in by_source.items() if _holds(source / name, target, rows, settings)}
    return kept, {row.output for row in earlier.rows if row.output and row.source not in kept}


def _read_earlier(target: Path, *, overwrite: bool) -> Alignment | None:
    if target.exists() and not target.is_dir():
        raise RefusedError(f"{target} is a file, a folder was to be written there", fix="give another output folder")
    try:
        earlier = read_alignment(target)
    except DataError:
        if not overwrite:
            raise
        return None
    if earlier is None and not overwrite and target.is_dir() and any(target.iterdir()):
        raise RefusedError(
            f"{target} is not empty and no aligned folder", fix="another output folder, or --overwrite to write into it"
        )
    return earlier


def _difference(earlier: AlignSettings, now: AlignSettings) -> str:
    names = [name for name, value in vars(now).items() if getattr(earlier, name) != value]
    return ", ".join(f"{name} {getattr(earlier, name)} (now {getattr(now, name)})" for name in names)


def _holds(picture: Path, target: Path, rows: Sequence[AlignRow], settings: AlignSettings) -> bool:
    """Whether a picture is the file that was read, and all its rows and crops are there; an unreadable one is tried again."""
    state = file_state(picture)
    whole = settings.faces != "all" or len(rows) == max(1, rows[0].faces or 0)
    return whole and all(
        row.status != "unreadable" and row.state == state and (row.output is None or (target / row.output).is_file())
        for row in rows
    )
