"""Tables with a row per event: events.csv of fer, exports of BORIS and Datavyu, and others with the same kind of columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.errors import DataError

# names of columns in lower case without units, the first that occurs counts
_VIDEO = ("source", "media file name", "media file", "media file(s)", "video", "file", "observation id")
_PERSON = ("person", "subject", "participant", "name")
_LABEL = ("expression", "behavior", "behaviour", "label", "emotion", "code", "value")
_ONSET, _OFFSET = ("onset", "start", "begin"), ("offset", "stop", "end")
_NOBODY = ("", "no focal subject")
_UNIT = re.compile(r"(?:[\s_]+|\s*[(\[])(s|sec|seconds|ms)[)\]]?$")
_COLUMNS = "columns: video, person, expression, onset_s, offset_s"


def read_event_csv(path: Path, rows: Sequence[Mapping[str, str]]) -> list[VideoAnnotations]:
    """Return the events of a table, one column per kind of value; a unit in the name of a time column is obeyed.

    The cells of a video without events may be empty. Raises: DataError for missing columns, or a time that is no number.
    """
    names = {_plain(name): name for name in rows[0]} if rows else {}
    found = {kind: _first(names, kinds) for kind, kinds in (("label", _LABEL), ("onset", _ONSET), ("offset", _OFFSET))}
    missing = [kind for kind, name in found.items() if name is None]
    if rows and missing:
        raise DataError(f"{path}: no column of the {missing[0]} of events", fix=_COLUMNS)
    video_column, person_column = _first(names, _VIDEO), _first(names, _PERSON)
    videos: dict[str, dict[str, list[Annotation]]] = {}
    for number, row in enumerate(rows, start=2):
        video = row[video_column].strip() if video_column else ""
        tiers = videos.setdefault(video or path.stem, {})
        label = row[found["label"] or ""].strip()
        if not label:
            continue
        onset_s, offset_s = (_seconds(row, found[kind] or "", path, number) for kind in ("onset", "offset"))
        person = row[person_column].strip() if person_column else ""
        person = "" if person.lower() in _NOBODY else person
        if offset_s > onset_s:
            tiers.setdefault(person, []).append(Annotation(label, onset_s, offset_s))
    return [_video(video, tiers) for video, tiers in videos.items()]


def read_datavyu(path: Path, rows: Sequence[Mapping[str, str]]) -> list[VideoAnnotations]:
    """Return the cells of a csv export of Datavyu: per column NAME.ordinal, NAME.onset, NAME.offset (ms) and its codes.

    Every column is a person; the first code that is not empty is the label.
    """
    tiers: dict[str, list[Annotation]] = {}
    columns = list(rows[0]) if rows else []
    people = [name.removesuffix(".onset") for name in columns if name.endswith(".onset")]
    for person in people:
        known = {f"{person}.{part}" for part in ("ordinal", "onset", "offset")}
        codes = [name for name in columns if name.startswith(f"{person}.") and name not in known]
        for number, row in enumerate(rows, start=2):
            label = next((row[name].strip() for name in codes if (row[name] or "").strip()), "")
            if not label or not (row[f"{person}.onset"] or "").strip():
                continue
            onset_s, offset_s = (_number(row[f"{person}.{part}"], path, number) / 1000 for part in ("onset", "offset"))
            if offset_s > onset_s:
                tiers.setdefault(person, []).append(Annotation(label, onset_s, offset_s))
    return [_video(path.stem, tiers)]


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return header and rows of a text table; the separator is that of the header: tab, semicolon or comma."""
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    head = text.partition("\n")[0]
    separator = next((sign for sign in "\t;" if sign in head), ",")
    reader = csv.DictReader(text.splitlines(), delimiter=separator, skipinitialspace=True)
    rows = [{name: value or "" for name, value in row.items() if isinstance(name, str)} for row in reader]
    return list(reader.fieldnames or []), rows


def _video(video: str, tiers: Mapping[str, Sequence[Annotation]]) -> VideoAnnotations:
    ordered = {person: tuple(sorted(items, key=lambda item: item.onset_s)) for person, items in tiers.items()}
    return VideoAnnotations(video, ordered)


def _plain(name: str) -> str:
    return _UNIT.sub("", name.strip().lower())


def _first(names: Mapping[str, str], kinds: Sequence[str]) -> str | None:
    return next((names[kind] for kind in kinds if kind in names), None)


def _seconds(row: Mapping[str, str], name: str, path: Path, line: int) -> float:
    value = _number(row[name], path, line)
    return value / 1000 if re.search(r"\bms\b", name.lower().replace("_", " ")) else value


def _number(text: str, path: Path, line: int) -> float:
    """Return seconds of a number, m:ss or h:mm:ss."""
    try:
        seconds = 0.0
        for part in text.strip().split(":"):
            seconds = seconds * 60 + float(part.replace(",", "."))
    except ValueError as error:
        raise DataError(f"{path}, line {line}: {text!r} is no time", fix="seconds, m:ss or h:mm:ss") from error
    return seconds
