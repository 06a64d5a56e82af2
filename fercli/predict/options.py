"""Settings of `fer predict` and `Predictor` that shape the predictions."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, field

from fercli.config.detect import MIN_RELIABLE_PX, DetectConfig, is_number
from fercli.errors import UsageError
from fercli.faces.detector import detector_version


@dataclass(frozen=True)
class PredictOptions:
    """How pictures and videos are searched and their faces classified.

    min_reliable_px: the prediction of a face with a smaller side has status `too_small`. track: number the people of a
    video. smooth_s: time constant of the moving average of the probabilities along a track, 0 for none. detect_every:
    run the detector on every n-th frame of a video and move the faces by optical flow in between. boxes: what the faces
    come from, which are given then instead of detected. crops: every picture and frame is the crop of one face.

    Raises: UsageError for values out of range, and for options that exclude each other.
    """

    detect: DetectConfig = field(default_factory=DetectConfig)
    min_reliable_px: float = MIN_RELIABLE_PX
    track: bool = True
    smooth_s: float = 0.0
    detect_every: int = 1
    boxes: str | None = None
    crops: bool = False

    @property
    def detects(self) -> bool:
        """Whether faces are detected."""
        return self.boxes is None and not self.crops

    def __post_init__(self) -> None:
        valid = (
            all(is_number(value) and 0 <= value < math.inf for value in (self.smooth_s, self.min_reliable_px))
            and isinstance(self.detect_every, numbers.Integral)
            and self.detect_every >= 1
        )
        if not valid:
            raise UsageError(
                f"out of range: smoothing over {self.smooth_s} s, detection every {self.detect_every} frames, "
                f"minimum reliable face size {self.min_reliable_px} px",
                fix=f"--smooth 0.5 --detect-every 1 --min-reliable {MIN_RELIABLE_PX:g}",
            )
        if self.smooth_s and not self.track:
            raise UsageError("smoothing needs tracking, which is off", fix="remove --smooth or --no-track")
        if self.boxes is not None and self.crops:
            raise UsageError("crops have no boxes: the picture is the face", fix="remove --boxes or --crops")
        if self.detect_every > 1 and not self.detects:
            raise UsageError("nothing is detected with given boxes and with crops", fix="remove --detect-every")

    def as_settings(self) -> dict[str, str]:
        """Return the settings as name and value, as reports, Parquet files and job folders record them."""
        return {
            **(
                self._detection() if self.detects else {"faces": self.boxes or "every picture and frame is a face crop"}
            ),
            "minimum reliable face size": f"{self.min_reliable_px:g} px",
            "tracking": "on" if self.track else "off",
            "smoothing": f"{self.smooth_s:g} s" if self.smooth_s else "off",
        }

    def _detection(self) -> dict[str, str]:
        detect = self.detect
        thresholds = ", ".join(f"{threshold:g}" for threshold in detect.thresholds)
        return {
            "detector": f"{detector_version(detect.detector)}, thresholds {thresholds}, "
            f"pictures shrunk to a longest side of {detect.max_side} px",
            "minimum face size": f"{detect.min_face_px} px in pictures, {detect.video_min_face_px} px in videos",
            "detection": "every frame" if self.detect_every == 1 else f"every {self.detect_every} frames",
        }
