"""A stratified sample of parts of videos to code by hand, and the empty files to code it in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.coding.annotations import Span, VideoAnnotations
from fercli.coding.names import Names
from fercli.coding.people_page import Moment
from fercli.coding.recordings import ROUNDING_S, UNCERTAIN, Recording, saved_recordings
from fercli.errors import DataError
from fercli.results import MIN_TRACK_S, Who, who_name
from fercli.rows.read import SavedRows
from fercli.system.csv_file import write_rows
from fercli.system.text_table import read_table

SEGMENT_S = 10.0
_SHOWN_S = 0.5  # an expression counts for a segment that shows it for this long
_COLUMNS = ("source", "begin_s", "end_s", "stratum")


@dataclass(frozen=True)
class Segment:
    """A part of a video. stratum: the rarest expression that it shows for at least half a second, by the predictions."""

    source: str
    begin_s: float
    end_s: float
    stratum: str


@dataclass(frozen=True)
class CodingSample:
    """The segments to code, by video and time; by video the people in view in them, the end and
    frame rate of the rows, and when every person is seen well.
    """

    segments: tuple[Segment, ...]
    people: Mapping[str, tuple[Who, ...]]
    ends_s: Mapping[str, float]
    fps: Mapping[str, float]
    moments: Mapping[str, Mapping[Who, Moment]]

    @property
    def seconds(self) -> float:
        return sum(segment.end_s - segment.begin_s for segment in self.segments)

    def annotations(self) -> list[VideoAnnotations]:
        """Return an empty coding of every video of the sample: a tier per person, and the spans to code."""
        return [
            VideoAnnotations(
                source,
                {who_name(person): () for person in self.people[source]},
                self.ends_s[source],
                tuple((item.begin_s, item.end_s) for item in self.segments if item.source == source),
            )
            for source in dict.fromkeys(segment.source for segment in self.segments)
        ]


def draw_sample(
    rows: SavedRows, *, minutes: float, segment_s: float = SEGMENT_S, seed: int = 0, names: Names | None = None
) -> CodingSample:
    """Draw segments until they last `minutes` minutes: in turn one from every stratum, at random within it.

    Segments without anybody in view are not drawn. names: of tracks. Raises: DataError if the table has no video with a face.
    """
    segments: list[Segment] = []
    people: dict[str, dict[Who, set[int]]] = {}
    ends_s: dict[str, float] = {}
    fps: dict[str, float] = {}
    videos = list(saved_recordings(rows, names))
    totals = sum((_seconds(video, video.begin_s >= 0) for video in videos), np.zeros(len(rows.labels) + 1))
    for video in videos:
        segments += _segments(video, totals, segment_s)
        ends_s[video.source] = float(video.end_s[-1])
        fps[video.source] = video.frames_per_second
        people[video.source] = {
            track.person: set(np.floor(video.begin_s[track.frames] / segment_s).astype(int).tolist())
            for track in video.tracks
            if video.in_view_s(track) >= MIN_TRACK_S - ROUNDING_S
        }
    if not segments:
        raise DataError(f"{rows.path}: no video with a face", fix="give a table that fer predict wrote for videos")
    drawn = _drawn(segments, minutes * 60, np.random.default_rng(seed))
    ordered = tuple(sorted(drawn, key=lambda item: (item.source, item.begin_s)))
    shown = {
        source: tuple(
            person
            for person, parts in tracks.items()
            if any(item.source == source and round(item.begin_s / segment_s) in parts for item in ordered)
        )
        for source, tracks in people.items()
    }
    moments = {video.source: _moments(video, shown[video.source], ordered) for video in videos}
    return CodingSample(ordered, shown, ends_s, fps, moments)


def _moments(video: Recording, people: Sequence[Who], segments: Sequence[Segment]) -> dict[Who, Moment]:
    """Return for every person the frame of the segments with the largest face; of a reliable one if there is any."""
    own = [item for item in segments if item.source == video.source]
    found = {}
    for track in video.tracks:
        times = video.begin_s[track.frames]
        inside = np.zeros(len(times), bool)
        for item in own:
            inside |= (times >= item.begin_s) & (times < item.end_s)
        if track.person not in people or not inside.any():
            continue
        usable = inside & ~track.unreliable if (inside & ~track.unreliable).any() else inside
        areas = (track.boxes[:, 2] - track.boxes[:, 0]) * (track.boxes[:, 3] - track.boxes[:, 1])
        best = int(np.where(usable, areas, -1.0).argmax())
        left, top, right, bottom = track.boxes[best].tolist()
        found[track.person] = Moment(float(times[best]), (left, top, right, bottom))
    return found


def _drawn(segments: Sequence[Segment], seconds: float, random: np.random.Generator) -> Iterator[Segment]:
    strata: dict[str, list[Segment]] = {}
    for index in random.permutation(len(segments)):
        strata.setdefault(segments[index].stratum, []).append(segments[index])
    while seconds > 0 and strata:
        for name in sorted(strata, key=lambda name: len(strata[name])):
            segment = strata[name].pop()
            yield segment
            seconds -= segment.end_s - segment.begin_s
            if seconds <= 0:
                return
        strata = {name: left for name, left in strata.items() if left}


def _segments(video: Recording, totals: NDArray[np.float64], segment_s: float) -> Iterator[Segment]:
    names = (*video.classes, UNCERTAIN)
    number = np.floor(video.begin_s / segment_s).astype(int)
    for at in np.unique(number):
        inside = number == at
        seconds = _seconds(video, inside)
        shown = np.flatnonzero(seconds >= min(_SHOWN_S, seconds.max()))
        if seconds.sum() > 0:
            stratum = names[min(shown, key=lambda index: totals[index])]
            end_s = min(float(at + 1) * segment_s, float(video.end_s[-1]))
            yield Segment(video.source, float(at * segment_s), end_s, stratum)


def _seconds(video: Recording, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the seconds [N + 1] of every class, and uncertain ones, in some frames [T]."""
    count = len(video.classes)
    total = np.zeros(count + 1)
    for track in video.tracks:
        part = inside[track.frames]
        labels = np.where(track.uncertain, count, track.labels)[part]
        total += np.bincount(labels, video.seconds[track.frames][part], minlength=count + 1)
    return total


def write_sample(path: Path, sample: CodingSample) -> None:
    """Write sample.csv."""
    write_rows(path, _COLUMNS, _rows(sample))


def write_parts(path: Path, sample: CodingSample) -> None:
    """Write parts.csv, which does not show what was predicted."""
    write_rows(path, _COLUMNS[:-1], (row[:-1] for row in _rows(sample)))


def _rows(sample: CodingSample) -> list[list[object]]:
    """Return the segments as the cells of _COLUMNS."""
    return [[item.source, round(item.begin_s, 6), round(item.end_s, 6), item.stratum] for item in sample.segments]


def read_sample(path: Path) -> dict[str, tuple[Span, ...]]:
    """Return the spans of a sample.csv by the path of the video. Raises: DataError for another file."""
    fix = "give the file that fer agree sample wrote, or a csv file with the columns source, begin_s and end_s"
    if not path.is_file():
        raise DataError(f"{path}: no such file", fix=fix)
    table = read_table(path)
    columns = {name.strip().lower(): name for name in table.header}
    if not {"source", "begin_s", "end_s"} <= set(columns):
        raise DataError(f"{path}: not a sample.csv, its columns are {', '.join(table.header)}", fix=fix)
    spans: dict[str, list[Span]] = {}
    for line, row in table.rows:
        try:
            begin_s, end_s = (float(row[columns[name]].replace(",", ".")) for name in ("begin_s", "end_s"))
        except ValueError as error:
            raise DataError(f"{path}, line {line}: not a sample.csv ({error})", fix=fix) from error
        if not 0 <= begin_s < end_s < math.inf:
            raise DataError(f"{path}, line {line}: {begin_s:g} to {end_s:g} s is not a part of a video", fix=fix)
        spans.setdefault(row[columns["source"]].strip(), []).append((begin_s, end_s))
    return {name: tuple(items) for name, items in spans.items()}
