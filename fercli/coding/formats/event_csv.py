"""Tables with a row per event: events.csv of fer, exports of Datavyu, and others with the same kind of columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.formats.clock_times import looks_like_frames, seconds_of
from fercli.errors import DataError
from fercli.formatting import pluralize
from fercli.system.text_table import TextTable

# names of columns in lower case without units, the first that occurs counts
_VIDEO = ("source", "media file name", "media file", "media file(s)", "video", "file", "observation id", "datei")
_PERSON = ("person", "subject", "participant", "name", "tier", "versuchsperson", "proband")
_LABEL = ("expression", "behavior", "behaviour", "label", "emotion", "code", "value", "annotation", "text", "ausdruck")
_ONSET = ("onset", "start", "begin", "start time", "begin time", "onset time", "tmin", "beginn", "anfang")
_OFFSET = ("offset", "stop", "end", "stop time", "end time", "offset time", "tmax", "ende")
_DURATION = ("duration", "dauer")
_NOBODY = ("no focal subject",)
_UNIT = re.compile(r"(?:[\s_]+|\s*[(\[]|\s+-\s+)(s|sec|seconds|ms|msec|ss\.msec|hh:mm:ss\.ms)[)\]]?$")
_MILLISECONDS = re.compile(r"(?<![a-z.])m(?:s|sec|illiseconds)\b")
_COLUMNS = "columns: video, person, expression, onset_s, offset_s"
_SHOWN = 5


@dataclass(frozen=True)
class _Columns:
    """The columns of a table of events. offset: None if there is a duration instead."""

    label: str
    onset: str
    offset: str | None
    duration: str
    video: str | None
    people: tuple[str, ...]

    def video_of(self, row: Mapping[str, str]) -> str:
        return row[self.video].strip() if self.video else ""

    def person_of(self, row: Mapping[str, str]) -> str:
        return next((row[name].strip() for name in self.people if row[name].strip()), "")


def read_event_csv(table: TextTable) -> list[VideoAnnotations]:
    """Return the events of a table, one column per kind of value; a time column may have a unit in its name.

    The cells of a video without events may be empty. Events without a duration are left out, with a warning.
    Raises: DataError for missing columns, a time that is not a number, an event that ends before it begins, and one whose video or
    person is missing although other rows have one.
    """
    columns = _columns(table)
    names_videos = any(columns.video_of(row) for _, row in table.rows)
    with_people = {columns.video_of(row) for _, row in table.rows if columns.person_of(row)}
    videos: dict[str, dict[str, list[Annotation]]] = {}
    points: list[str] = []
    times: list[str] = []
    for line, row in table.rows:
        where = f"{table.path}, line {line}"
        video, person, text = columns.video_of(row), columns.person_of(row), row[columns.label].strip()
        tiers = videos.setdefault(video or table.path.stem, {}) if video or not names_videos else {}
        if not text:
            continue
        if (names_videos and not video) or (video in with_people and not person):
            raise DataError(
                f"{where}: {text} has no {'person' if video or not names_videos else 'video'}, which other rows have",
                fix="repeat it in every row: of merged cells only the first one is saved",
            )
        onset_s, offset_s = _span_s(row, columns, text, where)
        times += [row[columns.onset], row[columns.offset or columns.duration]]
        if offset_s > onset_s:
            tiers.setdefault("" if person.lower() in _NOBODY else person, []).append(
                Annotation(text, onset_s, offset_s)
            )
        else:
            points.append(text)
    found = [_video(video, tiers) for video, tiers in (videos or {table.path.stem: {}}).items()]
    return [replace(found[0], warnings=tuple(_warnings(points, times))), *found[1:]]


def _columns(table: TextTable) -> _Columns:
    """Return the columns of a table. Raises: DataError if one is missing."""
    names = {_plain(name): name for name in reversed(table.header)}
    label, onset, offset, duration, video = (
        _first(names, kinds) for kinds in (_LABEL, _ONSET, _OFFSET, _DURATION, _VIDEO)
    )
    missing = [
        kind for kind, name in (("label", label), ("onset", onset), ("offset", offset or duration)) if name is None
    ]
    if missing or label is None or onset is None:
        shown = ", ".join(name for name in table.header if name.strip()) or "none"
        raise DataError(f"{table.path}: no column of the {missing[0]} of events; it has {shown}", fix=_COLUMNS)
    people = tuple(name for name in (_first(names, _PERSON), names.get("track")) if name is not None)
    return _Columns(label, onset, offset, duration or "", video, people)


def _span_s(row: Mapping[str, str], columns: _Columns, text: str, where: str) -> tuple[float, float]:
    """Return onset and offset of an event."""
    length = columns.offset or columns.duration
    for name in (columns.onset, length):
        if not row[name].strip():
            raise DataError(f"{where}: {text} has no {name.strip()}", fix="fill it in, or delete the row")
    onset_s = _seconds(row, columns.onset, where)
    offset_s = _seconds(row, length, where) + (0.0 if columns.offset else onset_s)
    if offset_s < onset_s:
        raise DataError(
            f"{where}: {text} ends at {offset_s:g} s, before it begins ({onset_s:g} s)", fix="correct the times"
        )
    return onset_s, offset_s


def _warnings(points: Sequence[str], times: Sequence[str]) -> Iterator[str]:
    """Yield what is unusual about the events of a table."""
    if points:
        shown = ", ".join(list(dict.fromkeys(points))[:_SHOWN])
        yield f"{pluralize(len(points), 'event')} without a duration ({shown}): left out"
    if looks_like_frames(times):
        yield (
            "the last two digits of all times are below 30 and are read as hundredths of a second: if they count frames, "
            "divide them by the frame rate"
        )


def read_datavyu(table: TextTable) -> list[VideoAnnotations]:
    """Return the cells of a csv export of Datavyu: per column NAME.ordinal, NAME.onset, NAME.offset (ms) and its codes.

    Every column is a person; the first code that is not empty is the label. Raises: DataError for a cell without an offset.
    """
    tiers: dict[str, list[Annotation]] = {}
    people = [name.removesuffix(".onset") for name in table.header if name.endswith(".onset")]
    for person in people:
        known = {f"{person}.{part}" for part in ("ordinal", "onset", "offset")}
        codes = [name for name in table.header if name.startswith(f"{person}.") and name not in known]
        tiers.setdefault(person, [])
        for line, row in table.rows:
            label = next((row[name].strip() for name in codes if row[name].strip()), "")
            if not label or not row[f"{person}.onset"].strip():
                continue
            where = f"{table.path}, line {line}"
            onset_s, offset_s = (seconds_of(row[f"{person}.{part}"], where) / 1000 for part in ("onset", "offset"))
            if offset_s < onset_s:
                raise DataError(f"{where}: the cell {label} of {person} has no offset", fix="set it in Datavyu")
            if offset_s > onset_s:
                tiers[person].append(Annotation(label, onset_s, offset_s))
    return [_video(table.path.stem, tiers)]


def _video(video: str, tiers: Mapping[str, Sequence[Annotation]]) -> VideoAnnotations:
    ordered = {person: tuple(sorted(items, key=lambda item: item.onset_s)) for person, items in tiers.items()}
    return VideoAnnotations(video, ordered)


def _plain(name: str) -> str:
    return _UNIT.sub("", name.strip().lower())


def _first(names: Mapping[str, str], kinds: Sequence[str]) -> str | None:
    return next((names[kind] for kind in kinds if kind in names), None)


def _seconds(row: Mapping[str, str], name: str, where: str) -> float:
    value = seconds_of(row[name], where)
    return value / 1000 if _MILLISECONDS.search(name.lower().replace("_", " ")) else value
