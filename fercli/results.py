"""Typed results that check themselves: faces found in a picture, and what was read from each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Landmarks = tuple[Point, Point, Point, Point, Point]
Status = Literal["ok", "uncertain", "too_small", "no_face", "decode_error", "unreadable"]
READ: tuple[Status, ...] = ("ok", "uncertain", "too_small")  # a face was read, whether or not it is to be believed


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the picture it was found in.

    box_xyxy: left, top, right, bottom. score: detector's confidence, 0..1.
    landmarks: left eye, right eye, nose, left and right mouth corner, as seen in the image.
    """

    box_xyxy: Box
    score: float
    landmarks: Landmarks

    @property
    def area(self) -> float:
        left, top, right, bottom = self.box_xyxy
        return max(0.0, right - left) * max(0.0, bottom - top)

    @property
    def side(self) -> float:
        """Of a square as large as the box, in pixels."""
        return math.sqrt(self.area)


@dataclass(frozen=True)
class Prediction:
    """What was read from one face of one frame, or why there is nothing to read.

    source: the path or name the user gave. frame: 0-based number in the order shown, None for a still picture.
    time_s: presentation time of the frame from the container, None for a still picture.
    face: 0-based number of the face in the frame (largest first), None when there is no face.
    probabilities: class name -> probability; they sum to 1. label: the most probable class.
    detail: one sentence for a person when status is not `ok`.
    track: number of the person the face belongs to, the same from frame to frame; None where faces are not followed.
    detected: False where the face was not searched for in this frame but carried over from the one before.
    smoothing_s: time constant of the average along the track that the probabilities are; None where they stand alone.
    """

    source: str
    status: Status
    frame: int | None = None
    time_s: float | None = None
    face: int | None = None
    found: Face | None = None
    label: str | None = None
    probabilities: Mapping[str, float] | None = None
    detail: str | None = None
    track: int | None = None
    detected: bool = True
    smoothing_s: float | None = None

    @property
    def box_xyxy(self) -> Box | None:
        """Left, top, right, bottom of the face in pixels; None where there is none."""
        return self.found.box_xyxy if self.found is not None else None

    @property
    def is_doubtful(self) -> bool:
        """Whether a face was read, but is not to be believed: uncertain, or too small."""
        return self.status in ("uncertain", "too_small")

    @property
    def probability(self) -> float | None:
        """Of the label; None where there is none."""
        return self.probabilities[self.label] if self.probabilities and self.label is not None else None

    def __post_init__(self) -> None:
        if self.status in READ:
            if self.found is None or self.label is None or self.probabilities is None:
                raise ValueError("a classified face needs its box, label and probabilities")
            if abs(sum(self.probabilities.values()) - 1) > 1e-3:
                raise ValueError(f"probabilities sum to {sum(self.probabilities.values()):.4f}, not 1")
            if self.probabilities[self.label] < max(self.probabilities.values()):
                raise ValueError(f"{self.label} is not the most probable class")
        elif self.label is not None or self.probabilities is not None:
            raise ValueError(f"status {self.status} has no label")


def is_frame(predictions: Sequence[Prediction]) -> bool:
    """Whether predictions are about a frame of a video, not about a picture or a whole source."""
    return bool(predictions) and predictions[0].frame is not None


def lost_frames(count: int) -> str | None:
    """What to say of a video in which so many frames could not be decoded; None if there is nothing to say."""
    return f"{count} {'frame' if count == 1 else 'frames'} could not be decoded" if count else None
