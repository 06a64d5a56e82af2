"""What one coder, a person or a program, said about videos: read from files of any known format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.code import code_video
from fercli.coding.episodes import EpisodeOptions
from fercli.coding.export import annotations_of
from fercli.coding.formats.boris import is_boris_project, read_boris
from fercli.coding.formats.boris_csv import is_boris_export, read_boris_export
from fercli.coding.formats.elan import read_elan
from fercli.coding.formats.event_csv import read_datavyu, read_event_csv
from fercli.coding.formats.frame_logs import is_facereader, read_facereader, read_openface
from fercli.coding.formats.praat import read_praat
from fercli.coding.names import Names
from fercli.coding.recordings import UNCERTAIN, Recording, saved_recordings
from fercli.coding.video_names import short_names
from fercli.errors import DataError
from fercli.results import who_name
from fercli.rows.read import TABLE_NAME, SavedRows, read_rows
from fercli.system.text_table import read_table

_READERS: dict[str, Callable[[Path], list[VideoAnnotations]]] = {
    ".eaf": read_elan,
    ".textgrid": read_praat,
}
_TABLES = (".csv", ".tsv", ".txt", ".parquet", ".jsonl")
_WORKBOOKS = (".xlsx", ".xls", ".ods", ".numbers")
SAMPLE_NAME = "sample.csv"
PARTS_NAME = "parts.csv"  # the same without the predictions, for the coder
_LONGEST_S = 1e6  # of a video: 11 days
_KNOWN = "give .eaf, .TextGrid, .boris or csv files, or tables of fer predict"


@dataclass(frozen=True)
class CodedByOne:
    """What one coder said about a video. frames: what holds at every time. events: what counts as an event."""

    frames: VideoAnnotations
    events: VideoAnnotations


@dataclass(frozen=True)
class Coder:
    """One coder. videos: by name, see `short_names`. classes: of a program; None for a person. settings: of a program."""

    name: str
    videos: Mapping[str, CodedByOne]
    classes: tuple[str, ...] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


def read_coders(paths: Sequence[Path], options: EpisodeOptions, names: Names | None = None) -> list[Coder]:
    """Read several codings, with names that tell them apart: files of one name have that of their folder as well."""
    coders = [read_coder(path, options, names) for path in paths]
    shown: list[str] = []
    for path, coder in zip(paths, coders, strict=True):
        alone = [other.name for other in coders].count(coder.name) == 1
        name = coder.name if alone else f"{path.resolve().parent.name}/{coder.name}"
        shown.append(name if name not in shown else f"{name} ({shown.count(name) + 1})")
    return [replace(coder, name=name) for coder, name in zip(coders, shown, strict=True)]


def read_coder(path: Path, options: EpisodeOptions, names: Names | None = None) -> Coder:
    """Read a file, or all files of a folder, as one coder. options, names: episodes and people of tables of predictions.

    Of a BORIS project, PROJECT.boris#TEXT are the observations with TEXT in their names.
    Raises: DataError for files that cannot be read, a folder without any, and a video that is coded twice.
    """
    path, observations = _observations(path)
    files = [path]
    if path.is_dir():
        table = path / TABLE_NAME
        known = (*_READERS, *_TABLES)
        files = [table] if table.is_file() else sorted(path.iterdir())
        files = [file for file in files if file.suffix.lower() in known or is_boris_project(file)]
        files = [file for file in files if file.name not in (SAMPLE_NAME, PARTS_NAME) and not file.name.startswith(".")]
    if not files or not files[0].is_file():
        raise DataError(f"{path}: no such file, or a folder without coded files", fix=_KNOWN)
    found: list[tuple[Path, CodedByOne]] = []
    program: SavedRows | None = None
    for file in files:
        items, rows = _read(file, options, observations, names)
        for item in items:
            _check_times(file, item.frames)
        program = rows or program
        found += [(file, item) for item in items]
    videos: dict[str, CodedByOne] = {}
    for name, (file, item) in zip(short_names([item.frames.video for _, item in found]), found, strict=True):
        if name in videos:
            fix = "give one file or folder per coder"
            if is_boris_project(file):
                fix = f"name the observations of one coder by a text in their names: {file}#anna"
            raise DataError(f"{file}: the video {name} is coded twice", fix=fix)
        videos[name] = item
    name = path.name if path.is_dir() else path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    name = f"{name}#{observations}" if observations else name
    if program is None:
        return Coder(name, videos)
    settings = {"weights": program.run.weights or "unknown", **program.run.settings, **options.as_settings()}
    return Coder(name, videos, program.labels, settings)


def _check_times(path: Path, coding: VideoAnnotations) -> None:
    """Raise DataError for times that no video has."""
    last = max(
        (item for items in coding.tiers.values() for item in items), key=lambda item: item.offset_s, default=None
    )
    if last is not None and not last.offset_s <= _LONGEST_S:
        raise DataError(
            f"{path}: {last.label} ends at {last.offset_s:.15g} s, which is {last.offset_s / 86400:.1f} days",
            fix="times are seconds; for milliseconds, call the columns onset_ms and offset_ms",
        )
    if coding.end_s is not None and not coding.end_s <= _LONGEST_S:
        raise DataError(f"{path}: the video lasts {coding.end_s:g} s by this file", fix="correct its length in seconds")


def _observations(path: Path) -> tuple[Path, str]:
    """Return the path of a BORIS project and the text after #; other paths as they are."""
    file, separator, text = str(path).rpartition("#")
    return (Path(file), text) if separator and file.lower().endswith(".boris") else (path, "")


def _read(
    path: Path, options: EpisodeOptions, observations: str, names: Names | None
) -> tuple[list[CodedByOne], SavedRows | None]:
    suffix = path.suffix.lower()
    if is_boris_project(path):
        return [CodedByOne(item, item) for item in read_boris(path, observations)], None
    reader = _READERS.get(suffix)
    if reader is None and suffix in (".csv", ".tsv", ".txt"):
        reader = _table_reader(path)
    if reader is not None:
        return [CodedByOne(item, item) for item in reader(path)], None
    if suffix not in _TABLES:
        fix = "save every sheet as csv: in Excel, File > Save as > CSV UTF-8" if suffix in _WORKBOOKS else _KNOWN
        raise DataError(f"{path}: unknown format", fix=fix)
    rows = read_rows(path)
    return [_machine(recording, options) for recording in saved_recordings(rows, names)], rows


def _table_reader(path: Path) -> Callable[[Path], list[VideoAnnotations]] | None:
    """Return the reader of a text table by its header; None for a table of predictions."""
    if is_facereader(path):
        return read_facereader
    table = read_table(path)
    if {"source", "status", "label"} <= set(table.header):
        return None
    if {"timestamp", "success"} <= set(table.header):
        return lambda _: read_openface(table)
    if is_boris_export(table.header):
        return lambda _: read_boris_export(table)
    if any(name.endswith(".onset") for name in table.header):
        return lambda _: read_datavyu(table)
    return lambda _: read_event_csv(table)


def _machine(recording: Recording, options: EpisodeOptions) -> CodedByOne:
    tiers = {
        "" if track.person is None else who_name(track.person): tuple(_runs(recording, index))
        for index, track in enumerate(recording.tracks)
    }
    end_s = float(recording.end_s[-1])
    events = annotations_of(code_video(recording, options), recording.source)
    tracks = {track.person: track.numbers for track in recording.tracks if isinstance(track.person, str)}
    return CodedByOne(VideoAnnotations(recording.source, tiers, end_s, tracks=tracks), events)


def _runs(recording: Recording, index: int) -> Iterator[Annotation]:
    """Yield the times in which one label was predicted for a track without a gap."""
    track = recording.tracks[index]
    names: Sequence[str] = (*recording.classes, UNCERTAIN)
    labels = np.where(track.uncertain, len(recording.classes), track.labels)
    begin_s, end_s = recording.begin_s[track.frames], recording.end_s[track.frames]
    changes = (np.diff(labels) != 0) | (begin_s[1:] - end_s[:-1] > 1e-9)
    starts = np.flatnonzero(np.append(True, changes))
    for first, after in zip(starts, [*starts[1:], len(labels)], strict=True):
        yield Annotation(names[labels[first]], float(begin_s[first]), float(end_s[after - 1]))
