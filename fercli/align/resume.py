"""Resume an interrupted `fer align` run: which rows and crops of the target folder are still valid."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from fercli.data.align_files import read_alignment, write_align_csv
from fercli.data.align_record import Alignment, AlignRow, AlignSettings
from fercli.errors import DataError, RefusedError
from fercli.system.digest import file_state

_PARTIAL = ".*.part.*"  # the temporary names of `replacing`


def earlier_rows(
    source: Path, target: Path, settings: AlignSettings, *, overwrite: bool, record: Path | None = None
) -> tuple[dict[str, list[AlignRow]], set[str]]:
    """Return the rows of an earlier run that are still valid, by source, and the paths of the crops of those that are not.

    Prepares `target` for writing; with `overwrite` no row is valid. record: the folder of the rows of a shard, which
    other shards do not write; by default, `target`.
    Raises: RefusedError if `target` contains a run with other settings or other files, DataError if it cannot be read.
    """
    record = target if record is None else record
    earlier = _read_earlier(record, overwrite=overwrite, of_shard=record != target)
    if earlier is None:
        record.mkdir(parents=True, exist_ok=True)
        remove_partial(record)
        return {}, set()
    remove_partial(record)
    if overwrite:
        for row in earlier.rows:
            if row.output:
                (target / row.output).unlink(missing_ok=True)
        write_align_csv(record, [])
        return {}, set()
    if earlier.settings != settings:
        raise RefusedError(
            f"{target} was aligned with other settings: {settings_difference(earlier.settings, settings)}",
            fix="--overwrite aligns it again; or give another output folder",
        )
    by_source: dict[str, list[AlignRow]] = {}
    for row in earlier.rows:
        by_source.setdefault(row.source, []).append(row)
    kept = {name: rows for name, rows in by_source.items() if _is_valid(source / name, target, rows, settings)}
    return kept, {row.output for row in earlier.rows if row.output and row.source not in kept}


def read_record(record: Path) -> Alignment | None:
    """Read the record of a shard, None if there is none. Raises: DataError that says what to remove if it is damaged."""
    try:
        return read_alignment(record)
    except DataError as error:
        raise DataError(error.message, fix=f"remove {record}, and run its shard again") from error


def _read_earlier(target: Path, *, overwrite: bool, of_shard: bool) -> Alignment | None:
    if target.exists() and not target.is_dir():
        raise RefusedError(f"the output {target} is a file, not a folder", fix="give another output folder")
    try:
        earlier = read_record(target) if of_shard else read_alignment(target)
    except DataError:
        if not overwrite:
            raise
        return None
    if earlier is None and not overwrite and target.is_dir() and not _has_only_leftovers(target):
        raise RefusedError(
            f"{target} is not empty and was not written by fer align",
            fix="give another output folder, or --overwrite to write into this one",
        )
    return earlier


def _has_only_leftovers(folder: Path) -> bool:
    """Whether a folder holds nothing but what a run left that was killed before its settings were written."""
    return all(fnmatch(path.name, _PARTIAL) for path in folder.iterdir())


def remove_partial(folder: Path) -> None:
    """Remove the incomplete crops of killed runs."""
    for partial in folder.rglob(_PARTIAL):
        partial.unlink()


def settings_difference(earlier: AlignSettings, now: AlignSettings) -> str:
    """List the settings that differ, with both values."""
    names = [name for name, value in vars(now).items() if getattr(earlier, name) != value]
    return ", ".join(f"{name} {getattr(earlier, name)} (now {getattr(now, name)})" for name in names)


def _is_valid(picture: Path, target: Path, rows: Sequence[AlignRow], settings: AlignSettings) -> bool:
    """Whether a picture is unchanged and has all its rows and crops; unreadable pictures are read again."""
    state = file_state(picture)
    all_faces = settings.faces != "all" or len(rows) == max(1, rows[0].faces or 0)
    return all_faces and all(
        row.status != "unreadable" and row.state == state and (row.output is None or (target / row.output).is_file())
        for row in rows
    )
