"""What one coder, a person or a program, said about videos: read from files of any known format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.code import code_video
from fercli.coding.episodes import EpisodeOptions
from fercli.coding.export import annotations_of
from fercli.coding.formats.boris import read_boris
from fercli.coding.formats.elan import read_elan
from fercli.coding.formats.event_csv import read_datavyu, read_event_csv, read_table
from fercli.coding.formats.frame_logs import is_facereader, read_facereader, read_openface
from fercli.coding.formats.praat import read_praat
from fercli.coding.recordings import Recording, recordings
from fercli.errors import DataError
from fercli.rows.read import TABLE_NAME, read_rows

UNCERTAIN = "uncertain"
_READERS: dict[str, Callable[[Path], list[VideoAnnotations]]] = {
    ".eaf": read_elan,
    ".textgrid": read_praat,
    ".boris": read_boris,
}
_TABLES = (".csv", ".tsv", ".txt", ".parquet", ".jsonl")
SAMPLE_NAME = "sample.csv"
PARTS_NAME = "parts.csv"  # the same without the predictions, for the coder
_KNOWN = "give .eaf, .TextGrid, .boris or csv files, or tables of fer predict"


@dataclass(frozen=True)
class CodedByOne:
    """What one coder said about a video. frames: what holds at every time. events: what counts as an event."""

    frames: VideoAnnotations
    events: VideoAnnotations


@dataclass(frozen=True)
class Coder:
    """One coder. videos: by the name of the video without folder and suffix. classes: of a program; None for a person."""

    name: str
    videos: Mapping[str, CodedByOne]
    classes: tuple[str, ...] | None = None


def read_coder(path: Path, options: EpisodeOptions) -> Coder:
    """Read a file, or all files of a folder, as one coder. options: the episodes of tables of predictions.

    Raises: DataError for files that cannot be read, a folder without any, and two videos of one name.
    """
    files = [path]
    if path.is_dir():
        table = path / TABLE_NAME
        known = (*_READERS, *_TABLES)
        files = [table] if table.is_file() else sorted(file for file in path.iterdir() if file.suffix.lower() in known)
        files = [file for file in files if file.name not in (SAMPLE_NAME, PARTS_NAME)]
    if not files or not files[0].is_file():
        raise DataError(f"{path}: no such file, or a folder without coded files", fix=_KNOWN)
    videos: dict[str, CodedByOne] = {}
    classes: tuple[str, ...] | None = None
    for file in files:
        found, of_file = _read(file, options)
        classes = of_file or classes
        for item in found:
            name = video_name(item.frames.video)
            if name in videos:
                raise DataError(f"{file}: a second video named {name}", fix="give videos different names")
            videos[name] = item
    return Coder(path.stem if path.is_file() else path.name, videos, classes)


def video_name(video: str) -> str:
    """Return the name by which videos of two coders are the same: without folder and suffix."""
    return PurePosixPath(video.replace("\\", "/")).stem


def _read(path: Path, options: EpisodeOptions) -> tuple[list[CodedByOne], tuple[str, ...] | None]:
    reader = _READERS.get(path.suffix.lower())
    if reader is None and path.suffix.lower() in (".csv", ".tsv", ".txt"):
        reader = _table_reader(path)
    if reader is not None:
        return [CodedByOne(item, item) for item in reader(path)], None
    if path.suffix.lower() not in _TABLES:
        raise DataError(f"{path}: unknown format", fix=_KNOWN)
    rows = read_rows(path)
    return [_machine(recording, options) for recording in recordings(rows.predictions(), rows.labels)], rows.labels


def _table_reader(path: Path) -> Callable[[Path], list[VideoAnnotations]] | None:
    """Return the reader of a text table by its header; None for a table of predictions."""
    if is_facereader(path):
        return read_facereader
    header, rows = read_table(path)
    if {"source", "status", "label"} <= set(header):
        return None
    if {"timestamp", "success"} <= set(header):
        return read_openface
    if any(name.endswith(".onset") for name in header):
        return lambda path: read_datavyu(path, rows)
    return lambda path: read_event_csv(path, rows)


def _machine(recording: Recording, options: EpisodeOptions) -> CodedByOne:
    tiers = {track.person or "": tuple(_runs(recording, index)) for index, track in enumerate(recording.tracks)}
    end_s = float(recording.end_s[-1])
    events = annotations_of(code_video(recording, options), recording.source)
    return CodedByOne(VideoAnnotations(recording.source, tiers, end_s), events)


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
