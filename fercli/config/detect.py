"""Settings of face detection, shared by every command that searches pictures or videos for faces."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fercli.errors import UsageError

MIN_RELIABLE_PX = 20.0  # side of the smallest face whose prediction is reliable: docs/predict.md has the measurement
MAX_SIDE_RANGE = (240, 32_000)  # px: small pictures are enlarged to the first; OpenCV counts a side with 15 bits


def is_number(value: object) -> bool:
    """Whether a setting is a number, also one of NumPy."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


@dataclass(frozen=True)
class DetectConfig:
    """How faces are detected. Lengths are pixels of the original picture.

    detector: yunet or mtcnn. min_face_px, video_min_face_px: smallest face side to search for, in pictures and in
    videos (a smaller face is too coarse to classify frame by frame, and costs as much time as all the others).
    thresholds: minimum scores, 0..1, of MTCNN's three stages; YuNet has one stage and uses the last. max_side: a longer
    picture is shrunk to it for detection.

    Raises: UsageError names every value out of range.
    """

    detector: str = "yunet"
    min_face_px: int = 20
    video_min_face_px: int = 40
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    max_side: int = 1600

    def __post_init__(self) -> None:
        low, high = MAX_SIDE_RANGE
        errors = [
            f"{name} must be at least 1 px, got {value!r}"
            for name, value in (("min_face_px", self.min_face_px), ("video_min_face_px", self.video_min_face_px))
            if not is_number(value) or not 1 <= value < math.inf
        ]
        if not is_number(self.max_side) or not low <= self.max_side <= high:
            errors.append(f"max_side must be between {low} and {high} px, got {self.max_side!r}")
        if (
            not isinstance(self.thresholds, Sequence)
            or len(self.thresholds) != 3
            or not all(is_number(threshold) and 0 <= threshold <= 1 for threshold in self.thresholds)
        ):
            errors.append(f"thresholds must be three numbers between 0 and 1, got {self.thresholds!r}")
        if errors:
            default = DetectConfig
            thresholds = ",".join(f"{threshold:g}" for threshold in default.thresholds)
            fix = f"--min-face {default.min_face_px} --max-side {default.max_side} --thresholds {thresholds}"
            raise UsageError("; ".join(errors), fix=fix)

    def with_min_face(self, min_face_px: int | None) -> DetectConfig:
        """Search pictures and videos for faces of this side; None keeps both minimums."""
        if min_face_px is None:
            return self
        return replace(self, min_face_px=min_face_px, video_min_face_px=min_face_px)
