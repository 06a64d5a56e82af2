"""BORIS's exports of events: aggregated (a row per event) and tabular (a row for its begin and one for its end).

Layout: the header rows that BORIS 8 writes. Times are those of the observation, which begin at its time offset and go through
all files that it plays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.formats.boris import by_person, unpaired, videos_of
from fercli.coding.formats.clock_times import seconds_of
from fercli.errors import DataError
from fercli.system.text_table import TextTable

_POINT, _STOP = "point", "stop"
_NO_FILE = ("", "na", "not found")
_PLAYER = re.compile(r"player #\d+:")


def is_boris_export(header: Sequence[str]) -> bool:
    """Return whether a table is an export of events of BORIS."""
    names = {name.strip().lower() for name in header}
    return {"observation id", "behavior"} <= names and (
        {"start (s)", "stop (s)"} <= names or {"time", "behavior type"} <= names or {"time", "status"} <= names
    )


@dataclass
class _Observation:
    """played: files of the first player. begun: state events of a tabular export that have not ended yet."""

    offset_s: float
    played: list[str]
    lengths_s: dict[str, float]
    tiers: dict[str, list[Annotation]] = field(default_factory=dict)
    begun: dict[tuple[str, ...], float] = field(default_factory=dict)


def read_boris_export(table: TextTable) -> list[VideoAnnotations]:
    """Return the state events, with the times of the videos; point events are left out.

    Raises: DataError for a time that is not a number, a state event that never ends, and only point events.
    """
    columns = {name.strip().lower(): name for name in reversed(table.header)}
    observations: dict[str, _Observation] = {}
    points: set[str] = set()
    for line, cells in table.rows:
        row = {name: cells[column].strip() for name, column in columns.items()}
        where = f"{table.path}, line {line}"
        name = row["observation id"]
        if name not in observations:
            observations[name] = _observation(row, where)
        kind = (row.get("behavior type") or row.get("status") or "").lower()
        if kind == _POINT:
            points.add(row["behavior"])
        else:
            _add(observations[name], row, kind, where)
    videos = []
    for name, found in observations.items():
        place = f"{table.path}, observation {name}"
        for (subject, behaviour, *_), time_s in found.begun.items():
            raise unpaired(place, subject, behaviour, time_s)
        videos += videos_of(place, by_person(found.tiers), found.played or [name], found.lengths_s)
    if points and not any(found.tiers for found in observations.values()):
        raise DataError(
            f"{table.path}: only point events were exported ({', '.join(sorted(points)[:5])}), which have no duration",
            fix="code state events: in BORIS, Edit project > Ethogram",
        )
    return videos


def _observation(row: Mapping[str, str], where: str) -> _Observation:
    """Return an observation without events, by its first row."""
    first_player = _PLAYER.sub("", row.get("source", "").split("|")[0])
    named = row.get("media file name") or row.get("media file path") or ""
    played = [file for file in first_player.split(";") if file.lower() not in _NO_FILE]
    if len(played) < 2 and named.lower() not in _NO_FILE:
        played = [named]
    lengths = row.get("media duration (s)", "").split("|")[0].split(";")
    offset = row.get("time offset (s)", "")
    offset_s = 0.0 if offset.lower() in _NO_FILE else _signed(offset, where)
    known = {file: seconds_of(text, where) for file, text in zip(played, lengths, strict=False) if text.strip()}
    return _Observation(offset_s, played, known)


def _signed(text: str, where: str) -> float:
    return -seconds_of(text[1:], where) if text.startswith("-") else seconds_of(text, where)


def _add(found: _Observation, row: Mapping[str, str], kind: str, where: str) -> None:
    """Add a row of a state event."""
    subject, behaviour = row.get("subject", ""), row["behavior"]
    items = found.tiers.setdefault(subject, [])
    if "start (s)" in row:
        onset_s, offset_s = (seconds_of(row[name], where) - found.offset_s for name in ("start (s)", "stop (s)"))
        items.append(Annotation(behaviour, onset_s, offset_s))
        return
    modifiers = (text for name, text in sorted(row.items()) if name.startswith("modifier"))
    key, time_s = (subject, behaviour, *modifiers), seconds_of(row["time"], where) - found.offset_s
    begin_s = found.begun.pop(key, None)
    if begin_s is None and kind != _STOP:
        found.begun[key] = time_s
    elif begin_s is None:
        raise DataError(
            f"{where}: {behaviour} ends, but never began", fix="in BORIS: Observations > Fix unpaired events"
        )
    else:
        items.append(Annotation(behaviour, begin_s, time_s))
