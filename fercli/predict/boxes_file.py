"""Read the file of `fer predict --boxes`: a CSV file of boxes or landmarks, laid out as tables of predictions are."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from fercli.config.ranges import shown
from fercli.errors import DataError
from fercli.predict.given_faces import Frames, GivenFaces, Row
from fercli.rows.records import BOX_COLUMNS, LANDMARK_COLUMNS

SCORE_COLUMN = "detection_score"
_SHORT_NAMES = {name.removeprefix("box_"): name for name in BOX_COLUMNS}  # left, top, right, bottom
_COLUMNS = f"columns: source, frame (of videos), {', '.join(BOX_COLUMNS)}; or {LANDMARK_COLUMNS[0]} and so on"
_LARGEST = 1e9  # pixels, and frames of a video
_MIN_PX = 1.0  # least extent of landmarks


def read_boxes(path: Path) -> GivenFaces:
    """Read faces by source and frame. A row with neither box nor landmarks means that there is no face.

    Raises: DataError for a file that cannot be read, for missing columns, and for malformed rows, with the line.
    """
    rows: dict[str, Frames] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.reader(file, strict=True)
            layout = _Layout(path, next(reader, []))
            for cells in reader:
                if not cells:
                    continue  # an empty line
                source, frame, row = layout.parse(cells, reader.line_num)
                faces = rows.setdefault(source, {}).setdefault(frame, [])
                if row is not None:
                    faces.append(row)
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or str(error)).lower()}", fix="check the path of --boxes") from error
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}", fix=_COLUMNS) from error
    return GivenFaces(str(path), rows, folder=path.parent)


class _Layout:
    """The columns of a file, and the values of a row, checked."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self._path, self._count = path, len(header)
        names = [name.strip() for name in header]
        names = [_SHORT_NAMES.get(name, name) if _SHORT_NAMES.get(name) not in names else name for name in names]
        self._index = {name: index for index, name in enumerate(names)}
        groups = [group for group in (BOX_COLUMNS, LANDMARK_COLUMNS) if all(name in self._index for name in group)]
        if "source" not in self._index or not groups:
            shown = ", ".join(names[:8]) or "none"
            raise DataError(f"{path}: lacks columns, has {shown}", fix=_COLUMNS)
        self._groups = groups

    def parse(self, cells: Sequence[str], line: int) -> tuple[str, int | None, Row | None]:
        """Return source, frame and face of a row; no face if all its cells are empty."""
        place = f"{self._path}, line {line}"
        if len(cells) != self._count:
            raise DataError(f"{place}: {len(cells)} cells, but {self._count} columns", fix="write one cell per column")
        source = cells[self._index["source"]]
        if not source:
            raise DataError(f"{place}: source is empty", fix="write the name of the picture or video")
        values = {name: self._number(cells, name, place) for group in self._groups for name in group}
        for group in self._groups:
            empty = [name for name in group if values[name] is None]
            if empty and len(empty) < len(group):
                raise DataError(f"{place}: {empty[0]} is empty", fix="fill in all of these columns, or none")
        box, points = ([values.get(name) for name in group] for group in (BOX_COLUMNS, LANDMARK_COLUMNS))
        _check(box, points, place)
        frame = self._frame(cells, place)
        if box[0] is None and points[0] is None:
            return source, frame, None
        score = self._number(cells, SCORE_COLUMN, place)
        return source, frame, (line, score, *box, *points)

    def _frame(self, cells: Sequence[str], place: str) -> int | None:
        frame = self._number(cells, "frame", place)
        if frame is not None and (frame < 0 or not frame.is_integer()):
            raise DataError(f"{place}: frame {frame:g} does not exist", fix="count frames from 0")
        return None if frame is None else int(frame)

    def _number(self, cells: Sequence[str], name: str, place: str) -> float | None:
        text = cells[self._index[name]].strip() if name in self._index else ""
        try:
            number = float(text) if text else None
        except ValueError:
            number = math.nan
        if number is not None and not math.isfinite(number):
            raise DataError(f"{place}: {name} is {shown(text)}, not a number", fix="write pixels, with a decimal point")
        if number is not None and abs(number) > _LARGEST:
            raise DataError(f"{place}: {name} is {number:g}, over {_LARGEST:g}", fix="write pixels, and frames from 0")
        return number


def _check(box: Sequence[float | None], points: Sequence[float | None], place: str) -> None:
    """Raise DataError for a box or landmarks without extent."""
    left, top, right, bottom = box
    for name, low, high in (("left to right", left, right), ("top to bottom", top, bottom)):
        if low is not None and high is not None and not high > low:
            raise DataError(
                f"{place}: the box has no extent from {name}, {low:g} to {high:g}", fix="right > left, bottom > top"
            )
    known = [value for value in points if value is not None]
    if known and max(max(axis) - min(axis) for axis in (known[::2], known[1::2])) < _MIN_PX:
        raise DataError(f"{place}: the landmarks coincide", fix="write the pixels of five different points")
