"""What `fer align` leaves: align.csv (a row for every picture and face) and align.json (settings and fingerprint)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from fercli.config.templates import template
from fercli.config.validate import from_dict
from fercli.data import prepared
from fercli.errors import DataError, UsageError
from fercli.results import Box, Face, Point
from fercli.system.files import replacing

CSV_NAME, JSON_NAME, JOURNAL_NAME = "align.csv", "align.json", ".align.journal.csv"
FORMAT = 1
_LOOKS = ("detector", "template", "margin", "size")
_TEXT = ("utf-8", "surrogateescape")  # file names may hold any bytes

Status = Literal["ok", "no_face", "unreadable"]
Transform = tuple[float, float, float, float, float, float]
_BOX = ("box_left", "box_top", "box_right", "box_bottom")
_LANDMARKS = tuple(
    f"{name}_{axis}" for name in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right") for axis in ("x", "y")
)
_TRANSFORM = ("m00", "m01", "m02", "m10", "m11", "m12")  # crop = [[m00, m01], [m10, m11]] picture + [m02, m12]
_STATE = ("bytes", "modified_ns")
COLUMNS = ("source", "output", "status", "reason", "face", "faces", "score", *_BOX, *_LANDMARKS, *_TRANSFORM, *_STATE)


@dataclass(frozen=True)
class AlignSettings:
    """Everything that decides what an aligned picture looks like; equal settings have equal fingerprints.

    margin: added on every side of the template, as a fraction of its side. faces: which of several in a picture.
    on_no_face: `keep` writes the whole picture, so that a test set stays whole; `skip` writes nothing.
    detector: name and version of what found the faces; thresholds, max_side: as in FaceDetector.
    """

    detector: str
    size: int = 224
    template: str = "arcface"
    margin: float = 0.0
    min_face_px: int = 20
    faces: Literal["largest", "center", "all"] = "largest"
    on_no_face: Literal["keep", "skip"] = "keep"
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    max_side: int = 1600

    def __post_init__(self) -> None:
        template(self.template)
        if self.size < 8 or self.min_face_px < 1 or not 0 <= self.margin <= 2:
            raise UsageError(
                f"size {self.size}, minimum face {self.min_face_px}, margin {self.margin:g} cannot be used together",
                fix="size from 8, minimum face from 1, margin from 0 to 2",
            )

    @property
    def fingerprint(self) -> str:
        """Sha256 of the settings."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def crop(self) -> str:
        """Name of the template with its margin, as a data set and a model's card carry it: `arcface`, `arcface+0.1`."""
        return template(self.template).with_margin(self.margin).name


@dataclass(frozen=True)
class AlignRow:
    """One picture, or one of its faces. Paths are relative to the two roots; output is None if nothing was written.

    face: 0-based number, largest first, None without a face. transform: picture to crop, row by row, None without crop.
    faces: how many were found in the picture, None if it could not be read. state: size in bytes and time of change in
    nanoseconds of the picture when it was read, None if that was not noted.
    """

    source: str
    status: Status
    output: str | None = None
    reason: str | None = None
    face: int | None = None
    found: Face | None = None
    transform: Transform | None = None
    faces: int | None = None
    state: tuple[int, int] | None = None


@dataclass(frozen=True)
class Alignment:
    """One run as it is on disk. complete: whether it came to its end."""

    settings: AlignSettings
    rows: tuple[AlignRow, ...] = field(default=())
    complete: bool = False

    @property
    def record(self) -> dict[str, Any]:
        """What a data set and a model's card keep of it: every setting, and their fingerprint."""
        return {"fingerprint": self.settings.fingerprint, **asdict(self.settings)}


def read_alignment(root: Path) -> Alignment | None:
    """Read a finished or interrupted run; None if there is none. DataError says what is wrong with its files."""
    if not (root / JSON_NAME).is_file():
        return None
    where = root / JSON_NAME
    fix = f"fer align SOURCE {root} --overwrite"
    try:
        facts = json.loads(where.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{where} cannot be read ({error})", fix=fix) from error
    if not isinstance(facts, Mapping) or facts.get("format") != FORMAT:
        raise DataError(f"{where} is not of format {FORMAT}", fix=fix)
    settings = from_dict(AlignSettings, facts.get("settings", {}), where=str(where), error=DataError, fix=fix)
    rows = {(row.source, row.face): row for name in (CSV_NAME, JOURNAL_NAME) for row in _read_rows(root / name, fix)}
    return Alignment(settings, tuple(rows.values()), facts.get("complete") is True)


def finished_alignment(root: Path) -> Alignment | None:
    """The run that made a folder, None if there is none; DataError if it did not come to its end."""
    alignment = read_alignment(root)
    if alignment is not None and not alignment.complete:
        raise DataError(f"{root} was aligned only in part", fix="give the same fer align command again to finish it")
    return alignment


def alignment_differences(trained: object, now: Mapping[str, Any]) -> str | None:
    """How faces that are aligned `now` look otherwise than those a model saw in training, None if they do not.

    trained: the record in the card's data, whatever is there. Compared are the settings that shape a crop and that both
    name; which pictures, faces and sizes of face were taken is no difference in looks.
    """
    if not isinstance(trained, Mapping):
        return None
    return (
        ", ".join(
            f"{name} {now[name]} (trained on {trained[name]})"
            for name in _LOOKS
            if name in now and name in trained and now[name] != trained[name]
        )
        or None
    )


def write_settings(root: Path, settings: AlignSettings, *, counts: Mapping[str, int] | None = None) -> None:
    """Write align.json; `counts` (pictures by status) only when the run is finished."""
    facts: dict[str, Any] = {"format": FORMAT, "settings": asdict(settings), "fingerprint": settings.fingerprint}
    facts |= {"complete": counts is not None, "counts": dict(counts or {})}
    with replacing(root / JSON_NAME) as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def write_rows(root: Path, rows: Iterable[AlignRow]) -> None:
    """Write align.csv, sorted, and drop the journal."""
    replaced = replacing(root / CSV_NAME)
    with replaced as temporary, temporary.open("w", newline="", encoding=_TEXT[0], errors=_TEXT[1]) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_cells(row) for row in sorted(rows, key=lambda row: (row.source, row.face or 0)))
    (root / JOURNAL_NAME).unlink(missing_ok=True)


class Journal:
    """Rows of the run at hand, on disk as soon as their pictures are, so that a killed run goes on where it was."""

    def __init__(self, root: Path) -> None:
        path = root / JOURNAL_NAME
        if path.is_file():
            path.write_bytes(_whole_lines(path))
        self._file = path.open("a", newline="", encoding=_TEXT[0], errors=_TEXT[1])
        self._writer = csv.writer(self._file, lineterminator="\n")
        if path.stat().st_size == 0:
            self._writer.writerow(COLUMNS)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, rows: Sequence[AlignRow]) -> None:
        self._writer.writerows(_cells(row) for row in rows)
        self._file.flush()


def carry_dataset(source: Path, target: Path, alignment: Alignment) -> bool:
    """Make the aligned folder a data set if its source is one: dataset.csv and dataset.json, with the crop's name.

    Pictures that were not written lose their path, as in a data set whose images were not written.
    Returns False if the source is no prepared data set.
    """
    if not prepared.is_prepared(source):
        return False
    outputs = {row.source: row.output for row in alignment.rows if row.output and not row.face}
    with (source / prepared.CSV_NAME).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        columns = list(reader.fieldnames or ())
        rows = [row | {"path": outputs.get(row["path"], "")} for row in reader]
    with replacing(target / prepared.CSV_NAME) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    facts = json.loads((source / prepared.JSON_NAME).read_text(encoding="utf-8"))
    settings = alignment.settings
    before = facts.get("fingerprint", "")
    facts |= {"crop": settings.crop, "size": settings.size, "alignment": alignment.record}
    facts["fingerprint"] = hashlib.sha256(f"{before} {settings.fingerprint}".encode()).hexdigest()
    with replacing(target / prepared.JSON_NAME) as temporary:
        temporary.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return True


def _cells(row: AlignRow) -> list[object]:
    found = row.found
    box = [f"{value:.2f}" for value in found.box_xyxy] if found else [""] * len(_BOX)
    points = [f"{value:.2f}" for point in found.landmarks for value in point] if found else [""] * len(_LANDMARKS)
    transform = [f"{value:.6g}" for value in row.transform] if row.transform else [""] * len(_TRANSFORM)
    score = f"{found.score:.4f}" if found else ""
    state = row.state or [""] * len(_STATE)
    whose = [row.source, row.output, row.status, row.reason, row.face, row.faces, score]
    return [*whose, *box, *points, *transform, *state]


def _read_rows(path: Path, fix: str) -> list[AlignRow]:
    """Rows of align.csv or of the journal; a last line that was cut off is left out."""
    if not path.is_file():
        return []
    rows = []
    for values in csv.DictReader(io.StringIO(_whole_lines(path).decode(*_TEXT), newline="")):
        try:
            rows.append(_row(values))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: the row of {values.get('source')} is broken", fix=fix) from error
    return rows


def _whole_lines(path: Path) -> bytes:
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1]


def _row(values: Mapping[str, str]) -> AlignRow:
    def numbers(names: Sequence[str]) -> tuple[float, ...]:
        return tuple(float(values[name]) for name in names)

    found = None
    if values["score"]:
        flat = numbers(_LANDMARKS)
        points = cast("tuple[Point, Point, Point, Point, Point]", tuple(zip(flat[::2], flat[1::2], strict=True)))
        found = Face(cast("Box", numbers(_BOX)), float(values["score"]), points)
    if values["status"] not in ("ok", "no_face", "unreadable"):
        raise ValueError(values["status"])
    return AlignRow(
        source=values["source"],
        status=cast("Status", values["status"]),
        output=values["output"] or None,
        reason=values["reason"] or None,
        face=int(values["face"]) if values["face"] else None,
        faces=int(values["faces"]) if values.get("faces") else None,
        found=found,
        transform=cast("Transform", numbers(_TRANSFORM)) if values["m00"] else None,
        state=(int(values["bytes"]), int(values["modified_ns"])) if values.get("modified_ns") else None,
    )
