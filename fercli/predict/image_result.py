"""The predictions for one picture or one frame of a video."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fercli.formatting import one_line_json
from fercli.media.images import Rgb
from fercli.media.sources import Source
from fercli.results import Prediction, utf8_text
from fercli.rows.frames import Library, to_frame


@dataclass(frozen=True)
class ImageResult:
    """The predictions for one picture or one frame of a video.

    rgb: its pixels, None if it could not be decoded. frame, time_s: index and presentation time of a frame, None for a
    picture. predictions: one per face, largest first, or a single one that says why there is none. duration_s: how long a
    frame is shown. note: what is unusual about the file, such as broken EXIF data; of a video, with its first frame.
    fix: what to do about a file that could not be read, if that is known. labels: names of the classes.

    Results are equal if all but their pixels is.
    """

    source: Source
    rgb: Rgb | None = field(compare=False)
    time_s: float | None
    predictions: tuple[Prediction, ...]
    frame: int | None = None
    duration_s: float | None = None
    note: str | None = None
    fix: str | None = None
    labels: tuple[str, ...] = ()

    @property
    def faces(self) -> tuple[Prediction, ...]:
        """The predictions that belong to a face; empty if no face was detected."""
        return tuple(prediction for prediction in self.predictions if prediction.detection is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values without the pixels: of the picture or frame, and `predictions` as rows of --json."""
        return {
            "source": utf8_text(self.source.name),
            "frame": self.frame,
            "time_s": self.time_s,
            "duration_s": self.duration_s,
            "note": None if self.note is None else utf8_text(self.note),
            "predictions": [prediction.to_dict() for prediction in self.predictions],
        }

    def to_json(self) -> str:
        """Return `to_dict` as one line of JSON."""
        return one_line_json(self.to_dict())

    def to_frame(self, *, library: Library = "auto") -> Any:
        """Return the predictions as a DataFrame of pandas or polars, see `fercli.rows.frames.to_frame` for several results."""
        return to_frame(self.predictions, library=library, labels=self.labels or None)

    @property
    def fault(self) -> str | None:
        """Why the picture or frame could not be decoded, None if it was."""
        return self.predictions[0].detail if self.rgb is None else None
