"""Faces that the user gives, by source and frame: boxes or landmarks, which replace the detector."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import ArrayLike

from fercli.errors import DataError, UsageError
from fercli.faces.crop import box_of
from fercli.media.animation import is_animation
from fercli.media.feed import Item
from fercli.media.selection import EVERY_FRAME
from fercli.media.sources import Source
from fercli.results import Box, Face, Landmarks, utf8_text

# line in the file, detection score, four sides of the box, ten coordinates of the landmarks; None where unknown
Row = tuple[float | None, ...]
Frames = dict[int | None, list[Row]]  # by frame, None for a picture


class FaceTable(Protocol):
    """Faces by source and frame."""

    def faces(self, source: Source, frame: int | None) -> list[tuple[Face, str]]:
        """Return the faces of a picture or frame, in the order given, each with its place in messages."""
        ...

    def beyond(self, source: Source, last: int) -> str | None:
        """Return a sentence if a face is in a frame after the last one of a video, else None."""
        ...


class FacesByFrame:
    """Faces of one source. arrays: by frame, None for a picture: boxes [K, 4] or landmarks [K, 5, 2] in pixels.

    Raises: UsageError for arrays of another shape, and for boxes and landmarks without extent.
    """

    def __init__(self, arrays: Mapping[int, ArrayLike] | Mapping[None, ArrayLike]) -> None:
        if not isinstance(arrays, Mapping):
            raise UsageError(
                f"boxes of a video are a CSV file or arrays by frame, not {type(arrays).__name__}",
                fix="boxes={0: [[left, top, right, bottom], ...], ...}",
            )
        wrong = next((frame for frame in arrays if not _is_frame(frame)), None)
        if wrong is not None:
            raise UsageError(f"boxes: {wrong!r} is not a frame", fix="count frames from 0: boxes={0: ...}")
        self._faces: dict[int | None, list[tuple[Face, str]]] = {}
        for frame, values in arrays.items():
            name = "boxes" if frame is None else f"boxes of frame {frame}"
            self._faces[frame] = [
                (face, f"{name}, face {index}") for index, face in enumerate(_from_array(values, name))
            ]

    def faces(self, source: Source, frame: int | None) -> list[tuple[Face, str]]:  # noqa: ARG002 - one source
        return self._faces.get(frame, [])

    def beyond(self, source: Source, last: int) -> str | None:  # noqa: ARG002 - one source
        later = next(
            (frame for frame, faces in self._faces.items() if frame is not None and frame > last and faces), None
        )
        return None if later is None else f"boxes: frame {later} does not exist, the last one is {last}"


class GivenFaces:
    """Faces by source and frame, as a file lists them.

    name: of the file, for messages. rows: by the name of the source in the file; an empty list where it has no face.
    folder: names in the file may also be paths below it. A source is looked up by its name in results, by its absolute
    path, and by its path below the folder that the user named.
    """

    def __init__(self, name: str, rows: Mapping[str, Frames], *, folder: Path) -> None:
        self.name, self._rows = name, rows
        self._names = {_absolute(folder / text): text for text in rows} | {_absolute(text): text for text in rows}

    def check(self, sources: Iterable[Source]) -> None:
        """Raise DataError, with the line, for rows whose source is not among these or cannot have such rows."""
        known: dict[str, Source] = {}
        for source in sources:
            text = self._name_of(source)
            if text is None:
                continue
            other = known.setdefault(text, source)
            if other.path != source.path and not self._is_exact(source, text):
                raise self._error(text, f"{text} is both {other.name} and {source.name}", "write the whole path")
            self._check_frames(text, source)
        unknown = next((text for text in self._rows if text not in known), None)
        if unknown is not None:
            raise self._error(unknown, f"{unknown} is not among the sources", "name it among them, or remove its rows")

    def faces(self, source: Source, frame: int | None) -> list[tuple[Face, str]]:
        text = self._name_of(source)
        rows = self._rows[text].get(frame, ()) if text is not None else ()
        return [(_face(row), self._place(row)) for row in rows]

    def beyond(self, source: Source, last: int) -> str | None:
        frames = self._rows.get(self._name_of(source) or "", {})
        number = next(
            (number for number, rows in frames.items() if number is not None and number > last and rows), None
        )
        if number is None:
            return None
        return f"{self._place(frames[number][0])}: frame {number} does not exist, the last one is {last}"

    def _name_of(self, source: Source) -> str | None:
        """Return the name of a source in the file; None if it has no rows."""
        name = utf8_text(source.name)
        if name in self._rows or source.address is not None:
            return name if name in self._rows else None
        relative = utf8_text(source.relative.as_posix())
        return self._names.get(_absolute(source.path)) or (relative if relative in self._rows else None)

    def _is_exact(self, source: Source, text: str) -> bool:
        return utf8_text(source.name) == text or self._names.get(_absolute(source.path)) == text

    def _check_frames(self, text: str, source: Source) -> None:
        for frame, rows in self._rows[text].items():
            if rows and source.kind == "video" and frame is None:
                raise DataError(
                    f"{self._place(rows[0])}: a face of the video {text} without a frame", fix="add the frame"
                )
            if rows and source.kind == "image" and frame is not None and not is_animation(source.path):
                raise DataError(f"{self._place(rows[0])}: {text} is a picture, without frames", fix="leave frame empty")

    def _error(self, text: str, what: str, fix: str) -> DataError:
        rows = next((rows for rows in self._rows[text].values() if rows), None)
        return DataError(f"{self._place(rows[0]) if rows else self.name}: {what}", fix=fix)

    def _place(self, row: Row) -> str:
        return f"{self.name}, line {row[0]:.0f}"


def with_given_faces(items: Iterable[Item], given: FaceTable) -> Iterator[Item]:
    """Attach the faces to pictures and frames, in which nothing is detected then.

    A picture or frame with a face outside of it is replaced by an error, and so are frames that a video does not have.
    """
    last: Item | None = None
    for item in items:
        if last is not None and last.source is not item.source:
            yield from _frames_beyond(last, given)
        last = item
        if item.rgb is None:
            yield item
            continue
        faces = given.faces(item.source, item.frame)
        height, width = item.rgb.shape[:2]
        outside = next((place for face, place in faces if not _overlaps(face.box_xyxy, width, height)), None)
        if outside is not None:
            yield replace(item, rgb=None, fault=f"{outside}: the face is outside of the {width} x {height} pixels")
        else:
            yield replace(item, faces=tuple(face for face, _ in faces))
    if last is not None:
        yield from _frames_beyond(last, given)


def _frames_beyond(last: Item, given: FaceTable) -> Iterator[Item]:
    """Yield an error if faces are in frames after the last one of a video that was read to its end."""
    if last.frame is None or last.source.selection != EVERY_FRAME:
        return
    fault = given.beyond(last.source, last.frame)
    if fault is not None:
        yield Item(last.source, fault=fault, left=last.left)


def _face(row: Row) -> Face:
    score, box, points = row[1], row[2:6], row[6:]
    landmarks = None if points[0] is None else cast("Landmarks", tuple(zip(points[::2], points[1::2], strict=True)))
    if box[0] is None and landmarks is not None:
        return Face(box_of(landmarks), score, landmarks)
    return Face(cast("Box", box), score, landmarks)


def _is_frame(frame: object) -> bool:
    is_number = isinstance(frame, (int, np.integer)) and not isinstance(frame, bool)
    return frame is None or (is_number and cast("int", frame) >= 0)  # None: a picture


def _from_array(values: ArrayLike, name: str) -> list[Face]:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{name}: neither boxes [K, 4] nor landmarks [K, 5, 2] in pixels", fix="[[left, top, right, bottom], ...]"
        ) from error
    if array.size == 0:
        return []
    if array.shape[1:] not in ((4,), (5, 2)) or not np.isfinite(array).all():
        raise UsageError(
            f"{name}: {list(array.shape)} is neither boxes [K, 4] nor landmarks [K, 5, 2] in pixels",
            fix="[[left, top, right, bottom], ...]",
        )
    first, last = (array[:, :2], array[:, 2:]) if array.ndim == 2 else (array.min(axis=1), array.max(axis=1))
    extent = last - first
    if (extent.min(axis=1) if array.ndim == 2 else extent.max(axis=1)).min() <= 0:
        raise UsageError(f"{name}: a face has no extent", fix="left < right and top < bottom; five different landmarks")
    if array.ndim == 2:
        return [Face(cast("Box", tuple(box)), None, None) for box in array.tolist()]
    faces = [cast("Landmarks", tuple(map(tuple, points))) for points in array.tolist()]
    return [Face(box_of(landmarks), None, landmarks) for landmarks in faces]


def _overlaps(box_xyxy: Box, width: int, height: int) -> bool:
    left, top, right, bottom = box_xyxy
    return left < width and top < height and right > 0 and bottom > 0


def _absolute(path: Path | str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - links are not resolved
