"""Values that the macros of parts.html show: tables, tiles of figures, and faces with captions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from fercli.data.crops import load_crop
from fercli.data.dataset import Sample
from fercli.errors import DataError
from fercli.html.thumbnail import crop_jpeg

_CROP_PX = 112


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows."""

    caption: str
    head: Sequence[str]
    rows: Iterable[Sequence[object]]


@dataclass(frozen=True)
class Tile:
    """One figure with its name and a note; an alarm is shown in a warning colour."""

    name: str
    value: str
    note: str = ""
    alarm: bool = False


@dataclass(frozen=True)
class FaceCard:
    """A face crop with its true class and lines of text. picture: JPEG bytes, None if the crop cannot be read."""

    name: str
    truth: str
    lines: Sequence[str]
    alt: str
    picture: bytes | None


def face_card(sample: Sample, name: str, *, truth: str, lines: Sequence[str]) -> FaceCard:
    """Return the card of a sample; its crop as a network sees it, and the name of its file below the lines."""
    try:
        picture = crop_jpeg(load_crop(sample, _CROP_PX))
    except DataError:
        picture = None
    alt = f"{name}: {truth}, {'; '.join(lines)}"
    return FaceCard(name, truth, (*lines, PurePosixPath(name).stem), alt, picture)
