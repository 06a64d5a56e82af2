"""Typed results that validate themselves: detected faces, and the prediction for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from fercli.formatting import one_line_json

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Landmarks = tuple[Point, Point, Point, Point, Point]
Status = Literal["ok", "uncertain", "too_small", "no_face", "decode_error", "unreadable"]
MIN_FACE_SCORE = 0.9  # of the detector; what scores lower is seldom a face: docs/predict.md
MIN_TRACK_S = 0.5  # a face in view for a shorter time has no track
_PX_DIGITS, _SCORE_DIGITS = 2, 4  # decimal places in tables
Who = str | int | None  # a name, else the number of a track; None without tracking
CLASSIFIED: tuple[Status, ...] = ("ok", "uncertain", "too_small")  # a face was classified, reliably or not


@dataclass(frozen=True)
class Face:
    """One face, detected or given by the user, in pixels of its picture.

    box_xyxy: left, top, right, bottom. score: the confidence of the detector, 0..1; None for a face that the user gave.
    landmarks: left eye, right eye, nose, left and right mouth corner, as seen in the image; None if only the box is known.
    """

    box_xyxy: Box
    score: float | None
    landmarks: Landmarks | None

    def rounded(self) -> Face:
        """Return the face with as many digits as tables of predictions have, so that it is the same when it is read back."""
        box, points = ([round(value, _PX_DIGITS) for value in values] for values in (self.box_xyxy, self._coordinates))
        return Face(
            cast("Box", tuple(box)),
            None if self.score is None else round(self.score, _SCORE_DIGITS),
            None if self.landmarks is None else cast("Landmarks", tuple(zip(points[::2], points[1::2], strict=True))),
        )

    @property
    def area(self) -> float:
        left, top, right, bottom = self.box_xyxy
        return max(0.0, right - left) * max(0.0, bottom - top)

    @property
    def _coordinates(self) -> Sequence[float]:
        return [value for point in self.landmarks or () for value in point]

    @property
    def side(self) -> float:
        """Side of the square with the same area as the box, in pixels."""
        return math.sqrt(self.area)


@dataclass(frozen=True)
class Prediction:
    """The prediction for one face of a picture or frame, or why there is none.

    source: the path or name the user gave. frame: 0-based index in display order, None for a picture.
    time_s: presentation time of the frame, None for a picture.
    face: 0-based index of the face in the frame (largest first), None if there is no face.
    probabilities: class name -> probability; they sum to 1. label: the most probable class.
    detail: one sentence for a person if status is not `ok`.
    track: number of the track, the same from frame to frame, also after a cut or an absence; None without tracking, and for a
    face in view for less than MIN_TRACK_S.
    detected: False if optical flow moved the face here from the previous frame.
    smoothing_s: time constant of the average over the track; None if probabilities are not smoothed.
    person: the name that the user gave to the track, None without one.
    baseline: the resting expression that was subtracted, such as "0:00.0 to 0:10.0"; None if none was.
    """

    source: str
    status: Status
    frame: int | None = None
    time_s: float | None = None
    face: int | None = None
    detection: Face | None = None
    label: str | None = None
    probabilities: Mapping[str, float] | None = field(default=None, hash=False)
    detail: str | None = None
    track: int | None = None
    detected: bool = True
    smoothing_s: float | None = None
    person: str | None = None
    baseline: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as plain values, as a row of `fer predict --json`; rows/prediction.schema.json describes it.

        Bytes of file names that are not UTF-8 are spelled out, such as caf\\xe9.jpg, so that every program can read the text.
        """
        probabilities = self.probabilities
        face = self.detection.rounded() if self.detection else None
        return {
            "source": utf8_text(self.source),
            "frame": self.frame,
            "time_s": None if self.time_s is None else round(self.time_s, 6),
            "face": self.face,
            "track": self.track,
            "status": self.status,
            "label": self.label,
            "probability": None if self.probability is None else round(self.probability, 6),
            "probabilities": {name: round(value, 6) for name, value in probabilities.items()}
            if probabilities
            else None,
            "box_xyxy": list(face.box_xyxy) if face else None,
            "detection_score": face.score if face else None,
            "landmarks": [list(point) for point in face.landmarks] if face and face.landmarks else None,
            "detected": self.detected and face is not None,
            "smoothing_s": self.smoothing_s,
            "person": self.person,
            "baseline": None if self.baseline is None else utf8_text(self.baseline),
            "detail": None if self.detail is None else utf8_text(self.detail),
        }

    def to_json(self) -> str:
        """Return the prediction as one line of JSON, as `fer predict --json` prints it."""
        return one_line_json(self.to_dict())

    @property
    def box_xyxy(self) -> Box | None:
        """Left, top, right, bottom of the face in pixels; None without a face."""
        return self.detection.box_xyxy if self.detection is not None else None

    @property
    def who(self) -> Who:
        """Whose face it is: the name of the person, else the track; tracks with one name are one person."""
        return self.track if self.person is None else self.person

    @property
    def is_doubtful(self) -> bool:
        """Whether a face was classified, but unreliably: uncertain, or too small."""
        return self.status in ("uncertain", "too_small")

    @property
    def probability(self) -> float | None:
        """Probability of the label; None without a label."""
        return self.probabilities[self.label] if self.probabilities and self.label is not None else None

    def __post_init__(self) -> None:
        if self.status in CLASSIFIED:
            if self.detection is None or self.label is None or self.probabilities is None:
                raise ValueError("a classified face needs its box, label and probabilities")
            if abs(sum(self.probabilities.values()) - 1) > 1e-3:
                raise ValueError(f"probabilities sum to {sum(self.probabilities.values()):.4f}, not 1")
            if self.probabilities[self.label] < max(self.probabilities.values()):
                raise ValueError(f"{self.label} is not the most probable class")
        elif self.label is not None or self.probabilities is not None:
            raise ValueError(f"status {self.status} has no label")


def who_name(who: Who) -> str:
    """Return what outputs call a track or person: `Track 1`, the name of a person, or `Largest face` without tracking."""
    if who is None:
        return "Largest face"
    return f"Track {who}" if isinstance(who, int) else who


def utf8_text(text: str) -> str:
    """Return a name with the bytes that are not UTF-8 spelled out, as in rows."""
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a character, which JSON can hold
        content = text.encode("utf-8", "backslashreplace")
    return content.decode("utf-8", "backslashreplace")


def is_frame(predictions: Sequence[Prediction]) -> bool:
    """Whether predictions belong to a video frame, not to a picture or a whole source."""
    return bool(predictions) and predictions[0].frame is not None


def lost_frames(count: int) -> str | None:
    """Return the message about a video with this many undecodable frames; None for 0."""
    return f"{count} {'frame' if count == 1 else 'frames'} could not be decoded" if count else None
