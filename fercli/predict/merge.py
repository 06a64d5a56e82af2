"""Merge the parts of all shards: one table, and in a folder also summaries, episodes and an index page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from fercli.coding.code import CodedVideo, code_video
from fercli.coding.episodes import EpisodeOptions
from fercli.coding.recordings import saved_recordings
from fercli.coding.tables import EVENTS_NAME, SUMMARY_NAME, write_events, write_summary
from fercli.errors import DataError, UsageError
from fercli.formatting import percents, pluralize
from fercli.html.pages import write_template
from fercli.html.parts import Table, Tile
from fercli.predict.job import CSV_NAME
from fercli.predict.parts import Parts
from fercli.predict.report.coding_tables import summary_table
from fercli.progress import Progress, silent
from fercli.results import Prediction
from fercli.rows.formats import check_table_path, open_table
from fercli.rows.read import read_rows
from fercli.rows.run_record import RunRecord
from fercli.system.files import refuse_existing, replacing

INDEX_NAME = "index.html"
_DAMAGED = "remove it and run its shard again"
_LISTED = 1_000  # videos and files that the page lists


@dataclass(frozen=True)
class Merged:
    """rows: number of rows. files: what was written."""

    rows: int
    files: tuple[Path, ...]


def merge_parts(
    found: Parts, save: Path | None, out: Path | None, *, overwrite: bool = False, progress: Progress = silent
) -> Merged:
    """Write the rows of all parts, in the order of their sources.

    save: a table. out: a folder for predictions.csv and an index page, and if there are videos, summary.csv and events.csv.
    Raises: UsageError for an unknown suffix, RefusedError for files that exist.
    """
    tables = [path for path in (save, None if out is None else out / CSV_NAME) if path is not None]
    if len(set(tables)) < len(tables):
        raise UsageError(f"{save} is written twice", fix="remove --save or --out")
    for path in tables:
        check_table_path(path, overwrite=overwrite)
    if out is not None:
        for name in (SUMMARY_NAME, EVENTS_NAME, INDEX_NAME):
            refuse_existing(out / name, overwrite=overwrite)
    run = _run_of(found.parts[0][1]) if found.parts else None
    pictures: Counter[str] = Counter()
    count = 0
    with ExitStack() as opened:
        writers = [
            opened.enter_context(open_table(path, found.labels, run=run, overwrite=overwrite)) for path in tables
        ]
        for prediction in _rows(found, progress):
            count += 1
            if prediction.frame is None:
                pictures[prediction.label or "no face"] += 1
            for writer in writers:
                writer.add((prediction,))
    if out is None:
        return Merged(count, tuple(tables))
    options, run = EpisodeOptions(), run or RunRecord()
    videos = [code_video(item) for item in saved_recordings(read_rows(out))]
    if videos:
        summaries = [summary for video in videos for summary in video.summaries]
        write_summary(out / SUMMARY_NAME, summaries, found.labels, run, options, bom=False)
        write_events(out / EVENTS_NAME, [item for video in videos for item in video.episodes], run, options, bom=False)
    _write_index(out / INDEX_NAME, found, run, videos, pictures, rows=count)
    return Merged(count, (*tables, out / INDEX_NAME))


def _run_of(part: Path) -> RunRecord:
    try:
        return read_rows(part).run
    except DataError as error:
        raise DataError(error.message, fix=_DAMAGED) from error


def _rows(found: Parts, progress: Progress) -> Iterator[Prediction]:
    for done, (source, path) in enumerate(found.parts, 1):
        try:
            for row in read_rows(path).predictions():  # its folder may have had another path when it was read
                yield row if row.source == source else replace(row, source=source)
        except DataError as error:
            raise DataError(error.message, fix=_DAMAGED) from error
        progress(done, len(found.parts), source)


def _write_index(
    path: Path, found: Parts, run: RunRecord, videos: Sequence[CodedVideo], pictures: Counter[str], *, rows: int
) -> None:
    missing = [*found.missing, *(f"all of shard {number}" for number in found.missing_shards)]
    with replacing(path) as temporary:
        write_template(
            temporary,
            "predict/merge.html",
            title="Facial expressions",
            subtitle=f"Merged from {pluralize(len(found.parts), 'file')}, predicted by {run.weights or 'an unknown model'}",
            tiles=[
                Tile("files", f"{len(found.parts):,}"),
                Tile("rows", f"{rows:,}"),
                Tile("could not be read", f"{len(found.failed):,}", alarm=bool(found.failed)),
                Tile("not finished", f"{len(missing):,}", alarm=bool(missing)),
            ],
            videos=summary_table([(video.source, video) for video in videos[:_LISTED]], found.labels)
            if videos
            else None,
            omitted=max(0, len(videos) - _LISTED),
            pictures=_picture_table(pictures, found.labels) if pictures else None,
            lists=[
                table
                for table in (
                    _listed("Could not be read", ("file", "reason"), found.failed),
                    _listed("Not finished", ("file",), [(name,) for name in missing]),
                )
                if table is not None
            ],
            settings=[("weights", run.weights), ("program", run.program), *run.settings.items()],
        )


def _picture_table(pictures: Counter[str], labels: Sequence[str]) -> Table:
    names = [name for name in (*labels, "no face") if pictures[name]]
    shares = percents([pictures[name] / pictures.total() for name in names])
    rows = [(name, f"{pictures[name]:,}", share) for name, share in zip(names, shares, strict=True)]
    return Table("Faces in pictures, and pictures without a face", ("expression", "number", "share"), rows)


def _listed(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table | None:
    if not rows:
        return None
    shown: Iterable[Sequence[str]] = islice(rows, _LISTED)
    more = f": the first {_LISTED:,} of {len(rows):,}" if len(rows) > _LISTED else ""
    return Table(caption + more, head, shown)
