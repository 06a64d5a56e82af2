"""Shards of `fer align`: crops go into one folder, the record of each shard into a folder of its own, and all are merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fercli.align.paths import AlignPaths, align_paths
from fercli.align.result import AlignResult, finish
from fercli.align.resume import read_record, remove_partial, settings_difference
from fercli.data.align_files import ALIGN_JSON, read_alignment, write_align_settings
from fercli.data.align_record import Alignment, AlignSettings
from fercli.data.rafdb import ALIGNED
from fercli.errors import DataError, RefusedError
from fercli.media.images import list_images
from fercli.system.json_file import write_json
from fercli.system.json_text import parse_json
from fercli.system.shards import Shard

RECORDS = ".shards"
_SOURCE = "source.json"


def begin_shard(
    source: Path, target: Path | None, paths: AlignPaths, settings: AlignSettings, shard: Shard, *, overwrite: bool
) -> Path:
    """Prepare the output folder that all shards share and return the folder of this shard's record.

    The output folder is marked as incomplete until its shards are merged.
    Raises: RefusedError if it has other files, or crops with other settings.
    """
    if paths.target.is_file():
        raise RefusedError(f"the output {paths.target} is a file, not a folder", fix="give another output folder")
    paths.target.mkdir(parents=True, exist_ok=True)
    # the settings are the first file that a shard writes here: where there are others without it, they are not ours
    others = [path.name for path in paths.target.iterdir() if not path.name.startswith(".")]
    earlier = read_alignment(paths.target) if (paths.target / ALIGN_JSON).is_file() else None
    if others and earlier is None and not overwrite:
        raise RefusedError(
            f"{paths.target} is not empty and was not written by fer align",
            fix="give another output folder, or --overwrite to write into this one",
        )
    if earlier is not None and earlier.settings != settings and not overwrite:
        raise RefusedError(
            f"{paths.target} was aligned with other settings: {settings_difference(earlier.settings, settings)}",
            fix="--overwrite aligns it again; or give another output folder",
        )
    write_align_settings(paths.target, settings)
    record = paths.target / RECORDS / shard.name
    record.mkdir(parents=True, exist_ok=True)
    folders = {"source": str(source.absolute()), "target": None if target is None else str(target.absolute())}
    write_json(record.parent / _SOURCE, folders)
    return record


def sharded_folder(root: Path) -> Path | None:
    """Return the folder below `root` with the crops of shards, None if there is none."""
    return next((folder for folder in (root, root / ALIGNED) if (folder / RECORDS).is_dir()), None)


@dataclass(frozen=True)
class MergedShards:
    """What the shards have done.

    missing: pictures that no shard has a row for, or whose crop was deleted. missing_shards: by number.
    """

    result: AlignResult
    missing: tuple[str, ...]
    missing_shards: tuple[int, ...]


def merge_shards(folder: Path) -> MergedShards:
    """Write align.csv, the contact sheet and the labels of all shards; the folder is complete if no picture is missing.

    Raises: DataError if shards do not belong together, or two crops have one name because the pictures changed meanwhile.
    """
    records = folder / RECORDS
    count, by_number = _read_records(records)
    settings = next(iter(by_number.values())).settings
    if any(alignment.settings != settings for alignment in by_number.values()):
        raise DataError(f"shards in {folder} differ in their settings", fix="repeat all with one set of options")
    rows = [row for _, alignment in sorted(by_number.items()) for row in alignment.rows]
    _refuse_clashes([row.output for row in rows if row.output], folder)
    paths = _read_source(records / _SOURCE)
    paths = AlignPaths(paths.source, folder, paths.stem_suffix, paths.label_list, paths.basic)
    closed: list[Path] = []
    pictures = list_images(paths.source, on_unreadable=lambda error: closed.append(Path(error.filename)))
    listed = {path.relative_to(paths.source).as_posix() for path in pictures + closed}
    deleted = {row.source for row in rows if row.output and not (folder / row.output).is_file()}
    missing = sorted(listed - {row.source for row in rows if row.source not in deleted})
    running = [number for number, alignment in by_number.items() if not alignment.complete]
    remove_partial(folder)
    complete = not missing and not running
    kept = (row for row in rows if row.source not in deleted)
    alignment = Alignment(settings, tuple(row for row in kept if row.source in listed or row.status == "unreadable"))
    return MergedShards(
        result=finish(paths, alignment, complete=complete),
        missing=tuple(missing),
        missing_shards=tuple(number for number in range(1, count + 1) if number not in by_number),
    )


def _read_source(path: Path) -> AlignPaths:
    """The paths that the shards were given. Raises: DataError for a damaged file."""
    try:
        folders = parse_json(path.read_text(encoding="utf-8"))
        source, target = Path(folders["source"]), folders["target"] and Path(folders["target"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error})", fix="run one of the shards again, which writes it") from error
    return align_paths(source, target)


def _read_records(records: Path) -> tuple[int, dict[int, Alignment]]:
    """Number of shards, and the alignment of each that began."""
    by_shard: dict[Shard, Alignment] = {}
    for path in sorted(records.iterdir()):
        alignment = read_record(path) if path.is_dir() else None
        if alignment is not None:
            index, _, count = path.name.partition("-of-")
            by_shard[Shard(int(index), int(count))] = alignment
    counts = {shard.count for shard in by_shard}
    if len(counts) != 1:
        what = "differ in their number" if counts else "have not begun"
        raise DataError(f"shards in {records.parent} {what}", fix=f"remove {records}, and run all shards again")
    return counts.pop(), {shard.index: alignment for shard, alignment in by_shard.items()}


def _refuse_clashes(outputs: Sequence[str], folder: Path) -> None:
    twice = [name for name, times in Counter(outputs).items() if times > 1]
    if twice:
        raise DataError(
            f"{folder}: two pictures have the crop {twice[0]}, as pictures were added between the runs of the shards",
            fix="run all shards again with --overwrite",
        )
