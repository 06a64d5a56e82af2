"""Tables with a row per event: events.csv of fer, exports of BORIS and Datavyu, and others with the same kind of columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.errors import DataError
from fercli.system.text_table import TextTable

# names of columns in lower case without units, the first that occurs counts
_VIDEO = ("source", "media file name", "media file", "media file(s)", "video", "file", "observation id", "datei")
_PERSON = ("person", "subject", "participant", "name", "tier", "versuchsperson", "proband")
_LABEL = ("expression", "behavior", "behaviour", "label", "emotion", "code", "value", "annotation", "text", "ausdruck")
_ONSET = ("onset", "start", "begin", "start time", "begin time", "onset time", "tmin", "beginn", "anfang")
_OFFSET = ("offset", "stop", "end", "stop time", "end time", "offset time", "tmax", "ende")
_DURATION = ("duration", "dauer")
_TYPE, _POINT = "behavior type", "point"  # of BORIS's exports
_NOBODY = ("", "no focal subject")
_UNIT = re.compile(r"(?:[\s_]+|\s*[(\[]|\s+-\s+)(s|sec|seconds|ms|msec|ss\.msec|hh:mm:ss\.ms)[)\]]?$")
_MILLISECONDS = re.compile(r"(?<![a-z.])m(?:s|sec|illiseconds)\b")
_COLUMNS = "columns: video, person, expression, onset_s, offset_s"
_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:[.,]\d*)?(?:e[-+]?\d+)?)", re.IGNORECASE)


def read_event_csv(table: TextTable) -> list[VideoAnnotations]:
    """Return the events of a table, one column per kind of value; a unit in the name of a time column is obeyed.

    The cells of a video without events may be empty. Point events of BORIS are left out. Raises: DataError for missing
    columns, a time that is no number, and an event that ends before it begins.
    """
    names = {_plain(name): name for name in reversed(table.header)}
    label, onset, offset = (_first(names, kinds) for kinds in (_LABEL, _ONSET, _OFFSET))
    duration = _first(names, _DURATION)
    missing = [
        kind for kind, name in (("label", label), ("onset", onset), ("offset", offset or duration)) if name is None
    ]
    if missing or label is None or onset is None:
        shown = ", ".join(table.header) or "none"
        raise DataError(f"{table.path}: no column of the {missing[0]} of events; it has {shown}", fix=_COLUMNS)
    video_column = _first(names, _VIDEO)
    people = [name for name in (_first(names, _PERSON), names.get("track")) if name is not None]
    videos: dict[str, dict[str, list[Annotation]]] = {}
    for line, row in table.rows:
        video = row[video_column].strip() if video_column else ""
        tiers = videos.setdefault(video or table.path.stem, {})
        text = row[label].strip()
        if not text or row.get(names.get(_TYPE, ""), "").strip().lower() == _POINT:
            continue
        where = f"{table.path}, line {line}"
        onset_s = _seconds(row, onset, where)
        offset_s = _seconds(row, offset, where) if offset else onset_s + _seconds(row, duration or "", where)
        if offset_s < onset_s:
            raise DataError(
                f"{where}: {text} ends at {offset_s:g} s, before it begins ({onset_s:g} s)", fix="correct the times"
            )
        person = next((row[name].strip() for name in people if row[name].strip()), "")
        person = "" if person.lower() in _NOBODY else person
        if offset_s > onset_s:
            tiers.setdefault(person, []).append(Annotation(text, onset_s, offset_s))
    return [_video(video, tiers) for video, tiers in (videos or {table.path.stem: {}}).items()]


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
            onset_s, offset_s = (_number(row[f"{person}.{part}"], where) / 1000 for part in ("onset", "offset"))
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
    value = _number(row[name], where)
    return value / 1000 if _MILLISECONDS.search(name.lower().replace("_", " ")) else value


def _number(text: str, where: str) -> float:
    """Return seconds of a number, m:ss or h:mm:ss; the decimal sign is a point or a comma."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise DataError(f"{where}: {text.strip()!r} is no time", fix="seconds, m:ss or h:mm:ss")
    hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds
