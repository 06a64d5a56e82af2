"""Logs of other programs with a row per frame: FaceReader's detailed and state logs, and OpenFace's csv."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.config.labels import canonical
from fercli.errors import DataError
from fercli.system.text_table import TextTable, read_text

_LOG_HEAD = re.compile(r"^video analysis (detailed|state) log", re.IGNORECASE)
_EMOTIONS = ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust", "contempt")
_SCARED = {"scared": "fear"}
_FACE = "1"  # FaceReader analyses one face


def is_facereader(path: Path) -> bool:
    """Return whether a text file is a log of FaceReader."""
    return bool(_LOG_HEAD.match(read_text(path)[:100].strip()))


def read_facereader(path: Path) -> list[VideoAnnotations]:
    """Read a detailed log (the emotion with the highest intensity of every frame) or a state log (it names the emotion).

    Layout: FaceReader's reference manual, "Export data": lines with `Filename:` and others, then tab-separated rows that
    begin with the video time. Frames with FIT_FAILED or FIND_FAILED are missing. Raises: DataError for another layout.
    """
    lines = read_text(path).splitlines()
    facts = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[:20])}
    start = next((index for index, line in enumerate(lines) if line.lower().startswith("video time")), None)
    if start is None:
        raise DataError(f"{path}: no row `Video Time`", fix="export the log of FaceReader again")
    head = [_emotion(name) for name in lines[start].split("\t")]
    emotions = [(index, name) for index, name in enumerate(head) if name in _EMOTIONS]
    rows = [line.split("\t") for line in lines[start + 1 :] if line.strip()]
    frames: list[tuple[float, str]] = []
    for number, row in enumerate(rows, start=start + 2):
        time_s = _clock(row[0], path, number)
        if not emotions:  # the state log
            name = _emotion(row[1]) if len(row) > 1 else ""
            frames.append((time_s, name if name in _EMOTIONS else ""))
            continue
        try:
            values = [(float(row[index].replace(",", ".")), name) for index, name in emotions]
        except (ValueError, IndexError):
            values = []  # FIT_FAILED, FIND_FAILED
        frames.append((time_s, max(values)[1] if values else ""))
    video = (facts.get("filename") or path.stem).replace("\\", "/")
    return [VideoAnnotations(video, {_FACE: tuple(_held(frames))}, frames[-1][0] if frames else None)]


def read_openface(table: TextTable) -> list[VideoAnnotations]:
    """Read the action units that OpenFace found present (AU01_c ...), one label per unit: AU1, AU12.

    Layout: https://github.com/TadasBaltrusaitis/OpenFace/wiki/Output-Format. OpenFace names no expressions; say which unit
    stands for one, such as AU12 for happiness. Frames without `success` are missing. Raises: DataError with the line.
    """
    units = [name for name in table.header if re.fullmatch(r"AU\d\d_c", name)]
    if not units:
        raise DataError(f"{table.path}: no columns AU01_c and so on", fix="run OpenFace with -aus")
    faces: dict[int, list[tuple[float, dict[str, float]]]] = {}
    for line, row in table.rows:
        try:
            values = {name: float(row[name]) for name in ("timestamp", "success", *units)}
            face = int(float(row.get("face_id") or 0))
        except ValueError as error:
            raise DataError(f"{table.path}, line {line}: a cell is not a number", fix="export it again") from error
        faces.setdefault(face, []).append((values["timestamp"], values))
    tiers: dict[str, tuple[Annotation, ...]] = {}
    for face, frames in faces.items():
        items = [item for name in units for item in _held(_unit_frames(frames, name))]
        tiers[str(face + 1)] = tuple(sorted(items, key=lambda item: item.onset_s))
    end_s = max((frames[-1][0] for frames in faces.values()), default=None)
    return [VideoAnnotations(table.path.stem, tiers, end_s)]


def _unit_frames(frames: Sequence[tuple[float, dict[str, float]]], name: str) -> Iterator[tuple[float, str]]:
    for time_s, values in frames:
        present = values["success"] == 1 and values[name] == 1
        yield time_s, f"AU{int(name[2:4])}" if present else ""


def _held(frames: Iterable[tuple[float, str]]) -> Iterator[Annotation]:
    """Yield the runs of one label; a frame lasts until the next one, the last one as long as the one before it."""
    items = list(frames)
    times = [time_s for time_s, _ in items]
    ends = [*times[1:], times[-1] + (times[-1] - times[-2])] if len(times) > 1 else [time_s + 0.04 for time_s in times]
    begin = 0
    for index in range(1, len(items) + 1):
        if index == len(items) or items[index][1] != items[begin][1]:
            if items[begin][1]:
                yield Annotation(items[begin][1], times[begin], ends[index - 1])
            begin = index


def _emotion(name: str) -> str:
    name = canonical(name)
    return _SCARED.get(name, name)


def _clock(text: str, path: Path, line: int) -> float:
    try:
        hours, minutes, seconds = text.strip().split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
    except ValueError as error:
        raise DataError(f"{path}, line {line}: {text!r} is not a video time", fix="hh:mm:ss.fff") from error
