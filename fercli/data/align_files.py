"""Read and write the files of `fer align`: align.csv (a row for every picture and face) and align.json (settings)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from fercli.config.validate import from_dict
from fercli.data.align_record import AffineTransform, Alignment, AlignRow, AlignSettings, AlignStatus
from fercli.errors import DataError
from fercli.faces.crop import landmarks_of
from fercli.results import Box, Face, Point
from fercli.system.csv_file import csv_writer, write_rows
from fercli.system.inside import inside
from fercli.system.json_file import write_json
from fercli.system.json_text import parse_json

ALIGN_CSV, ALIGN_JSON, ALIGN_JOURNAL = "align.csv", "align.json", ".align.journal.csv"
_FORMAT = 1
_TEXT = ("utf-8", "surrogateescape")  # file names can be any bytes
_BOX = ("box_left", "box_top", "box_right", "box_bottom")
_LANDMARKS = tuple(
    f"{name}_{axis}" for name in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for axis in ("x", "y")
)
_TRANSFORM = ("m00", "m01", "m02", "m10", "m11", "m12")  # crop = [[m00, m01], [m10, m11]] picture + [m02, m12]
_STATE = ("bytes", "modified_ns")
_COLUMNS = ("source", "output", "status", "reason", "face", "faces", "score", *_BOX, *_LANDMARKS, *_TRANSFORM, *_STATE)


def read_alignment(root: Path) -> Alignment | None:
    """Read a finished or interrupted run; None if there is none. Raises: DataError for invalid files."""
    path = root / ALIGN_JSON
    if not path.is_file():
        return None
    fix = f"fer align SOURCE {root} --overwrite"
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error})", fix=fix) from error
    if not isinstance(values, Mapping) or values.get("format") != _FORMAT:
        raise DataError(f"{path} is not of format {_FORMAT}", fix=fix)
    settings = from_dict(AlignSettings, values.get("settings", {}), where=str(path), error=DataError, fix=fix)
    # a row of the journal replaces the same row of align.csv
    rows = {(row.source, row.face): row for name in (ALIGN_CSV, ALIGN_JOURNAL) for row in _read_rows(root / name, fix)}
    return Alignment(settings, tuple(rows.values()), values.get("complete") is True)


def finished_alignment(root: Path) -> Alignment | None:
    """Read the run that wrote a folder, None if there is none. Raises: DataError if it was not finished."""
    alignment = read_alignment(root)
    if alignment is not None and not alignment.complete:
        raise DataError(
            f"the alignment of {root} was interrupted",
            fix=f"repeat the fer align command to finish it; with --shard, then fer merge {root}",
        )
    return alignment


def write_align_settings(root: Path, settings: AlignSettings, *, counts: Mapping[str, int] | None = None) -> None:
    """Write align.json; `counts` (pictures by status) only when the run is finished."""
    values: dict[str, Any] = {"format": _FORMAT, "settings": asdict(settings), "fingerprint": settings.fingerprint}
    values |= {"complete": counts is not None, "counts": dict(counts or {})}
    write_json(root / ALIGN_JSON, values)


def write_align_csv(root: Path, rows: Iterable[AlignRow]) -> None:
    """Write align.csv, sorted, and delete the journal."""
    in_order = sorted(rows, key=lambda row: (row.source, row.face or 0))
    write_rows(root / ALIGN_CSV, _COLUMNS, (_cells(row) for row in in_order))
    (root / ALIGN_JOURNAL).unlink(missing_ok=True)


class AlignJournal:
    """The rows of an unfinished run, written as soon as their crops are, so that a killed run can be resumed."""

    def __init__(self, root: Path) -> None:
        path = root / ALIGN_JOURNAL
        if path.is_symlink():  # not written by fer: it may name any file
            path.unlink()
        if path.is_file():
            path.write_bytes(_complete_lines(path))
        self._file = path.open("a", newline="", encoding=_TEXT[0], errors=_TEXT[1])
        self._writer = csv_writer(self._file)
        if path.stat().st_size == 0:
            self._writer.writerow(_COLUMNS)

    def __enter__(self) -> AlignJournal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, rows: Sequence[AlignRow]) -> None:
        """Write the rows of one picture."""
        self._writer.writerows(_cells(row) for row in rows)
        self._file.flush()


def _cells(row: AlignRow) -> list[object]:
    face = row.detection
    box = [f"{value:.2f}" for value in face.box_xyxy] if face else [""] * len(_BOX)
    points = [f"{value:.2f}" for point in landmarks_of(face) for value in point] if face else [""] * len(_LANDMARKS)
    transform = [f"{value:.6g}" for value in row.transform] if row.transform else [""] * len(_TRANSFORM)
    score = f"{face.score:.4f}" if face else ""
    state = row.state or [""] * len(_STATE)
    first = [row.source, row.output, row.status, row.reason, row.face, row.faces, score]
    return [*first, *box, *points, *transform, *state]


def _read_rows(path: Path, fix: str) -> list[AlignRow]:
    """Rows of align.csv or of the journal; an incomplete last line is ignored."""
    if not path.is_file():
        return []
    rows = []
    for values in csv.DictReader(io.StringIO(_complete_lines(path).decode(*_TEXT), newline="")):
        try:
            rows.append(_row(values))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: the row of {values.get('source')} is invalid", fix=fix) from error
    return rows


def _complete_lines(path: Path) -> bytes:
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1]


def _row(values: Mapping[str, str]) -> AlignRow:
    def numbers(names: Sequence[str]) -> tuple[float, ...]:
        return tuple(float(values[name]) for name in names)

    face = None
    if values["score"]:
        flat = numbers(_LANDMARKS)
        points = cast("tuple[Point, Point, Point, Point, Point]", tuple(zip(flat[::2], flat[1::2], strict=True)))
        face = Face(cast("Box", numbers(_BOX)), float(values["score"]), points)
    if values["status"] not in ("ok", "no_face", "unreadable"):
        raise ValueError(values["status"])
    return AlignRow(
        source=values["source"],
        status=cast("AlignStatus", values["status"]),
        output=str(inside(Path(), values["output"]))
        if values["output"]
        else None,  # a path outside could be deleted later
        reason=values["reason"] or None,
        face=int(values["face"]) if values["face"] else None,
        faces=int(values["faces"]) if values.get("faces") else None,
        detection=face,
        transform=cast("AffineTransform", numbers(_TRANSFORM)) if values["m00"] else None,
        state=(int(values["bytes"]), int(values["modified_ns"])) if values.get("modified_ns") else None,
    )
