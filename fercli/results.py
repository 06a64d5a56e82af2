"""Typed results that check themselves: faces found in a picture, and what was read from each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Landmarks = tuple[Point, Point, Point, Point, Point]
Status = Literal["ok", "uncertain", "no_face", "unreadable"]


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


@dataclass(frozen=True)
class Prediction:
    """What was read from one face of one frame, or why there is nothing to read.

    source: the path or name the user gave. frame: 0-based number in decoding order, None for a still picture.
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
    def probability(self) -> float | None:
        """Of the label; None where there is none."""
        return self.probabilities[self.label] if self.probabilities and self.label is not None else None

    def __post_init__(self) -> None:
        if self.status in ("ok", "uncertain"):
            if self.found is None or self.label is None or self.probabilities is None:
                raise ValueError("a classified face needs its box, label and probabilities")
            if abs(sum(self.probabilities.values()) - 1) > 1e-3:
                raise ValueError(f"probabilities sum to {sum(self.probabilities.values()):.4f}, not 1")
            if self.label != max(self.probabilities, key=lambda name: (self.probabilities or {})[name]):
                raise ValueError(f"{self.label} is not the most probable class")
        elif self.label is not None or self.probabilities is not None:
            raise ValueError(f"status {self.status} has no label")
