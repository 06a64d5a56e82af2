"""The record of a `fer align` run: its settings, and a row for every picture and face."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from fercli.config.defaults import CROP_PX
from fercli.config.detect import DetectConfig
from fercli.config.templates import template
from fercli.errors import UsageError
from fercli.results import Face

_CROP_SETTINGS = ("detector", "template", "margin", "size")  # those that determine the pixels of a crop

AlignStatus = Literal["ok", "no_face", "unreadable"]
FaceChoice = Literal["largest", "center", "all"]
NoFacePolicy = Literal["keep", "skip"]
AffineTransform = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class AlignSettings:
    """Everything that determines the pixels of an aligned picture; equal settings have equal fingerprints.

    detector: name and version of the detector. size: side of a crop in px. margin: added on every side of the template,
    as a fraction of its side. faces: which of several faces of a picture are written.
    on_no_face: `keep` writes the whole picture, so that a test set stays complete; `skip` writes nothing.
    min_face_px, thresholds, max_side: as in DetectConfig.
    """

    detector: str
    size: int = CROP_PX
    template: str = "arcface"
    margin: float = 0.0
    min_face_px: int = DetectConfig.min_face_px
    faces: FaceChoice = "largest"
    on_no_face: NoFacePolicy = "keep"
    thresholds: tuple[float, float, float] = DetectConfig.thresholds
    max_side: int = DetectConfig.max_side

    def __post_init__(self) -> None:
        template(self.template)
        if self.size < 8 or self.min_face_px < 1 or not 0 <= self.margin <= 2:
            raise UsageError(
                f"size {self.size}, minimum face {self.min_face_px} or margin {self.margin:g} is out of range",
                fix="size from 8, minimum face from 1, margin from 0 to 2",
            )

    @property
    def fingerprint(self) -> str:
        """Sha256 of the settings."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def crop(self) -> str:
        """Name of the template with its margin, as in data sets and model cards: `arcface`, `arcface+0.1`."""
        return template(self.template).with_margin(self.margin).name


@dataclass(frozen=True)
class AlignRow:
    """One picture, or one of its faces. Paths are relative to source and target.

    output: path of the crop, None if none was written. face: 0-based index of the face, largest first, None without a
    face. detection: that face. transform: affine map from picture to crop, row by row, None without a crop.
    faces: number of faces in the picture, None if it could not be read. state: size in bytes and modification time in ns
    of the picture when it was read, None if unknown.
    """

    source: str
    status: AlignStatus
    output: str | None = None
    reason: str | None = None
    face: int | None = None
    detection: Face | None = None
    transform: AffineTransform | None = None
    faces: int | None = None
    state: tuple[int, int] | None = None


@dataclass(frozen=True)
class Alignment:
    """The files of one run. complete: whether it was finished."""

    settings: AlignSettings
    rows: tuple[AlignRow, ...] = field(default=())
    complete: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """Number of pictures by status."""
        return {
            status: len({row.source for row in self.rows if row.status == status})
            for status in ("ok", "no_face", "unreadable")
        }

    @property
    def record(self) -> dict[str, Any]:
        """The entry in data sets and model cards: every setting, and their fingerprint."""
        return {"fingerprint": self.settings.fingerprint, **asdict(self.settings)}


def alignment_differences(trained: object, now: Mapping[str, Any]) -> str | None:
    """Describe how the alignment of faces differs from that of a model's training images; None if it does not.

    trained: the record in the model's card, of any type. Only settings that shape a crop and that are in both records are
    compared; the choice of pictures, faces and face sizes does not change the pixels of a crop.
    """
    if not isinstance(trained, Mapping):
        return None
    return (
        ", ".join(
            f"{name} {now[name]} (trained on {trained[name]})"
            for name in _CROP_SETTINGS
            if name in now and name in trained and now[name] != trained[name]
        )
        or None
    )
