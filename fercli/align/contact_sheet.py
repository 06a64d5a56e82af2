"""The contact sheet of an aligned folder: one self-contained page of crops, the least certain first."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from fercli.data.align_files import ALIGN_CSV
from fercli.data.align_record import Alignment, AlignRow
from fercli.errors import DataError
from fercli.formatting import percent, pluralize
from fercli.html.pages import write_template
from fercli.html.parts import Table, Tile
from fercli.html.thumbnail import picture_jpeg
from fercli.media.images import read_rgb
from fercli.system.files import replacing

SHEET_NAME = "contact-sheet.html"
_CROP_PX = 112
_MAX_UNSURE, _MAX_NO_FACE, _MAX_SAMPLE, _MAX_UNREADABLE = 48, 48, 120, 200
_UNSURE_SCORE = 0.99  # of the detector; most true faces have a higher one


@dataclass(frozen=True)
class _Figure:
    """A crop, or the whole picture where no crop was written."""

    link: str
    picture: bytes
    caption: str
    whole: bool


@dataclass(frozen=True)
class _Section:
    heading: str
    shown: str
    figures: list[_Figure]


@dataclass(frozen=True)
class _Unreadable:
    heading: str
    table: Table


def write_contact_sheet(source: Path, target: Path, alignment: Alignment) -> Path:
    """Write contact-sheet.html into the aligned folder and return its path; it shows at most about 200 crops."""
    rows = alignment.rows
    with_face = [row for row in rows if row.detection is not None]
    unsure = sorted((row for row in with_face if _score(row) < _UNSURE_SCORE), key=_score)
    without_face = [row for row in rows if row.status == "no_face"]
    doubtful = [
        _section("Faces with the lowest detection scores", unsure, unsure[:_MAX_UNSURE], source, target),
        _section("Pictures without a face", without_face, _spread(without_face, _MAX_NO_FACE), source, target),
    ]
    sample = _section("Sample of the crops", with_face, _spread(with_face, _MAX_SAMPLE), source, target)
    with replacing(target / SHEET_NAME) as temporary:
        write_template(
            temporary,
            "align/contact_sheet.html",
            title=f"Aligned faces: {target.resolve().name}",
            subtitle=f"Every picture has a row in {ALIGN_CSV}.",
            tiles=list(_tiles(rows)),
            doubtful=[section for section in doubtful if section],
            unreadable=_unreadable([row for row in rows if row.status == "unreadable"]),
            samples=[sample] if sample else [],
            settings=(asdict(alignment.settings) | {"fingerprint": alignment.settings.fingerprint}).items(),
        )
    return target / SHEET_NAME


def _tiles(rows: Sequence[AlignRow]) -> Iterator[Tile]:
    pictures = {row.source: row for row in rows}
    with_face = sum(row.status == "ok" for row in pictures.values())
    unreadable = sum(row.status == "unreadable" for row in pictures.values())
    counts = {
        "with a face": with_face,
        "with several faces": sum((row.faces or 0) > 1 for row in pictures.values()),
        "without a face": sum(row.status == "no_face" for row in pictures.values()),
        "unreadable": unreadable,
    }
    yield Tile("pictures", f"{len(pictures):,}")
    for name, count in counts.items():
        yield Tile(name, f"{count:,}", percent(count / len(pictures)), alarm=name == "unreadable" and count > 0)
    yield Tile("crops", f"{sum(row.output is not None for row in rows):,}")


def _section(
    heading: str, rows: Sequence[AlignRow], shown: Sequence[AlignRow], source: Path, target: Path
) -> _Section | None:
    if not rows:
        return None
    figures = [figure for row in shown if (figure := _figure(row, source, target)) is not None]
    return _Section(heading, _shown_of(len(shown), len(rows)), figures)


def _figure(row: AlignRow, source: Path, target: Path) -> _Figure | None:
    """Return the figure of a row; None if its file was deleted since it was aligned."""
    path = target / row.output if row.output else source / row.source
    try:
        picture = picture_jpeg(read_rgb(path), longest=_CROP_PX)
    except DataError:
        return None
    # rounded as manifest.csv has it first, from which a resumed run reads the score
    caption = f"{row.source}, {float(f'{row.detection.score:.4f}'):.3f}" if row.detection else row.source
    link = quote(os.path.relpath(path, target), errors="surrogateescape")
    return _Figure(link, picture, caption, whole=row.detection is None)


def _unreadable(rows: Sequence[AlignRow]) -> _Unreadable | None:
    if not rows:
        return None
    listed = [(row.source, row.reason) for row in rows[:_MAX_UNREADABLE]]
    table = Table(_shown_of(len(listed), len(rows)), ("file", "reason"), listed)
    return _Unreadable(pluralize(len(rows), "unreadable file"), table)


def _shown_of(shown: int, total: int) -> str:
    return f"{shown:,} of {total:,}" if shown < total else f"all {total:,}"


def _score(row: AlignRow) -> float:
    return (row.detection.score or 0.0) if row.detection else 0.0


def _spread(rows: Sequence[AlignRow], count: int) -> Sequence[AlignRow]:
    """Return at most `count` rows, evenly spaced over the list."""
    if len(rows) <= count:
        return rows
    return [rows[index * len(rows) // count] for index in range(count)]
