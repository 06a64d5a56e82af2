"""BORIS projects (JSON, project format 7.0): people are subjects, expressions behaviours, every video an observation.

Layout: https://boris.readthedocs.io, and the project files of BORIS 8. A state event is two rows: its begin and its end.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.formats.plain_names import plain_name, with_plain_names
from fercli.coding.media_links import Media
from fercli.errors import DataError
from fercli.system.json_file import write_json
from fercli.system.json_text import parse_json

_PLAYERS = [str(number) for number in range(1, 9)]
_MOST_BYTES = 1 << 28  # of a compressed project
_STATE, _NOBODY = "State event", "No focal subject"


def write_boris(
    path: Path, videos: Sequence[tuple[Media, VideoAnnotations]], *, behaviours: Sequence[str], description: str
) -> None:
    """Write a project with one observation per video, in which every person excludes the other expressions."""
    now = datetime.now().isoformat(timespec="seconds")
    videos = [(replace(media, path=plain_name(media.path)), with_plain_names(video)) for media, video in videos]
    behaviours = list(dict.fromkeys(map(plain_name, behaviours)))
    subjects = list(dict.fromkeys(person for _, video in videos for person in video.tiers))
    keys = _keys(behaviours)
    project = {
        "time_format": "hh:mm:ss",
        "project_date": now,
        "project_name": plain_name(path.stem),
        "project_description": plain_name(description),
        "project_format_version": "7.0",
        "subjects_conf": {
            str(index): {"key": "", "name": name, "description": ""} for index, name in enumerate(subjects)
        },
        "behaviors_conf": {
            str(index): {
                "type": _STATE,
                "key": keys[name],
                "code": name,
                "description": "",
                "color": "",
                "category": "",
                "modifiers": "",
                "excluded": ",".join(other for other in behaviours if other != name),
                "coding map": "",
            }
            for index, name in enumerate(behaviours)
        },
        "observations": _observations(videos, now),
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    write_json(path, project)


def _observations(videos: Sequence[tuple[Media, VideoAnnotations]], now: str) -> dict[str, Any]:
    observations: dict[str, Any] = {}
    for media, video in videos:
        name = stem = PurePosixPath(media.path).stem.strip()
        number = 2
        while name in observations:
            name, number = f"{stem} {number}", number + 1
        observations[name] = {
            "file": {player: [media.path] if player == "1" else [] for player in _PLAYERS},
            "type": "MEDIA",
            "date": now,
            "description": video.note,
            "time offset": 0,
            "events": _events(video.tiers),
            "observation time interval": [0, 0],
            "independent_variables": {},
            "visualize_spectrogram": False,
            "visualize_waveform": False,
            "media_creation_date_as_offset": False,
            "media_scan_sampling_duration": 0,
            "image_display_duration": 1,
            "close_behaviors_between_videos": False,
            "media_info": {
                "length": {media.path: round(media.length_s, 3)},
                "fps": {media.path: round(media.fps, 3)},
                "hasVideo": {media.path: media.has_picture},
                "hasAudio": {media.path: media.has_sound},
                "offset": {"1": 0.0},
            },
        }
    return observations


def _events(tiers: Mapping[str, Sequence[Annotation]]) -> list[list[object]]:
    """Return two rows per annotation: time, subject, behaviour, modifier, comment, frame; ends before begins."""
    rows: list[tuple[tuple[float, int], list[object]]] = []
    for person, items in tiers.items():
        for item in items:
            begin_s, end_s = round(item.onset_s, 3), round(item.offset_s, 3)
            end_s = max(end_s, round(begin_s + 0.001, 3))
            rows.append(((begin_s, 1), [begin_s, person, item.label, "", item.comment, "NA"]))
            rows.append(((end_s, 0), [end_s, person, item.label, "", "", "NA"]))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _keys(behaviours: Sequence[str]) -> dict[str, str]:
    """Return a key of the keyboard for every behaviour: the first free one of its letters."""
    keys: dict[str, str] = {}
    for name in behaviours:
        free = [letter for letter in name.lower() + "123456789" if letter.isalnum() and letter not in keys.values()]
        keys[name] = free[0] if free else ""
    return keys


def is_boris_project(path: Path) -> bool:
    """Whether a file is a project of BORIS by its name, plain or compressed."""
    return path.name.lower().endswith((".boris", ".boris.gz"))


def _text(path: Path) -> str:
    if path.suffix.lower() != ".gz":
        return path.read_text(encoding="utf-8-sig")
    with gzip.open(path) as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"more than {_MOST_BYTES:,} bytes")
    return content.decode("utf-8-sig")


def read_boris(path: Path, observations: str = "") -> list[VideoAnnotations]:
    """Read the state events of observations of media files, those whose name contains a text. Times are those of the video.

    Raises: DataError for another file, a state event without its end, point events alone, or no such observation.
    """
    try:
        project = parse_json(_text(path))
        states = {item["code"] for item in project["behaviors_conf"].values() if item["type"].startswith("State")}
        found = {name: item for name, item in project["observations"].items() if observations in name}
        read = [video for name, item in found.items() for video in _videos(path, name, item, states)]
        used = {str(row[2]) for item in found.values() for row in item["events"]}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, EOFError, OSError) as error:
        raise DataError(f"{path}: not a BORIS project ({error})", fix="save the project in BORIS 8") from error
    if not found:
        shown = ", ".join(list(project["observations"])[:8]) or "none"
        raise DataError(f"{path}: no observation named {observations or 'at all'}", fix=f"its observations: {shown}")
    if used and not used & states:
        raise DataError(
            f"{path}: only point events were coded ({', '.join(sorted(used)[:5])}), which have no duration",
            fix="code state events: in BORIS, Edit project > Ethogram",
        )
    return read


def _videos(path: Path, name: str, observation: Mapping[str, Any], states: set[str]) -> list[VideoAnnotations]:
    """Return the videos of an observation."""
    tiers = _state_events(path, name, observation, states)
    files = observation.get("file") or {}  # a list without an item in live observations
    played = list(files.get(_PLAYERS[0], ())) or [file for player in _PLAYERS for file in files.get(player, ())][:1]
    return videos_of(
        f"{path}, observation {name}", tiers, played or [name], observation.get("media_info", {}).get("length", {})
    )


def videos_of(
    where: str, tiers: Mapping[str, Sequence[Annotation]], played: Sequence[str], lengths: Mapping[str, Any]
) -> list[VideoAnnotations]:
    """Return the videos of an observation: BORIS plays the files of the first player one after the other.

    where: for errors. lengths: of files in seconds. Raises: DataError for an unknown length of one of several files.
    """
    if len(played) < 2:
        end_s = float(lengths[played[0]]) if lengths.get(played[0]) is not None else None
        return [VideoAnnotations(played[0], {person: tuple(items) for person, items in tiers.items()}, end_s)]
    videos = []
    begin_s = 0.0
    for file in played:
        if file not in lengths:
            raise DataError(f"{where}: the length of {file} is missing", fix="open the observation in BORIS")
        length_s = float(lengths[file])
        of_file = {person: tuple(_within(items, begin_s, length_s)) for person, items in tiers.items()}
        videos.append(VideoAnnotations(file, of_file, length_s))
        begin_s += length_s
    return videos


def _within(items: Sequence[Annotation], begin_s: float, length_s: float) -> Iterator[Annotation]:
    """Yield the parts of annotations within a file that begins at begin_s, in its own time."""
    for item in items:
        onset_s, offset_s = max(item.onset_s - begin_s, 0.0), min(item.offset_s - begin_s, length_s)
        if offset_s > onset_s:
            yield replace(item, onset_s=onset_s, offset_s=offset_s)


def _state_events(
    path: Path, name: str, observation: Mapping[str, Any], states: set[str]
) -> dict[str, tuple[Annotation, ...]]:
    """Return the state events of every subject, in the time that the first player shows."""
    shift_s = float(observation.get("time offset") or 0)  # which BORIS adds to the time of the video
    begun: dict[tuple[str, str, str], tuple[float, str]] = {}
    tiers: dict[str, list[Annotation]] = {}
    for row in sorted(observation["events"], key=lambda row: float(row[0])):
        time_s, subject, behaviour = float(row[0]) - shift_s, str(row[1]), str(row[2])
        if not math.isfinite(time_s):
            raise ValueError(f"an event of {behaviour} at {row[0]}")
        if behaviour not in states:
            continue
        key = (subject, behaviour, str(row[3]))
        begin = begun.pop(key, None)
        if begin is None:
            begun[key] = (time_s, str(row[4]))
        else:
            tiers.setdefault(subject, []).append(Annotation(behaviour, begin[0], time_s, begin[1]))
    for (subject, behaviour, _), (time_s, _) in begun.items():
        raise unpaired(f"{path}, observation {name}", subject, behaviour, time_s)
    return by_person(tiers)


def unpaired(where: str, subject: str, behaviour: str, time_s: float) -> DataError:
    """Return the error for a state event that only begins."""
    return DataError(
        f"{where}: {behaviour} of {subject or _NOBODY.lower()} begins at {time_s:.2f} s and never ends",
        fix="in BORIS: Observations > Fix unpaired events",
    )


def by_person(tiers: Mapping[str, Sequence[Annotation]]) -> dict[str, tuple[Annotation, ...]]:
    """Return the events of subjects in order of onset; the name of nobody is empty."""
    return {
        "" if subject == _NOBODY else subject: tuple(sorted(items, key=lambda item: item.onset_s))
        for subject, items in tiers.items()
    }
