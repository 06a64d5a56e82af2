"""What copies and reports show of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Drawn = Literal["labels", "boxes", "nothing"]  # what copies show of the predictions


@dataclass(frozen=True)
class Privacy:
    """blur_faces: in copies and reports. drawn: what copies show of predictions. pictures: whether reports have any."""

    blur_faces: bool = False
    drawn: Drawn = "labels"
    pictures: bool = True

    def as_settings(self) -> dict[str, str]:
        """Return what differs from the defaults, as outputs record it."""
        settings = {}
        if self.blur_faces:
            settings["faces in copies and reports"] = "blurred"
        if self.drawn != "labels":
            settings["drawn into copies"] = self.drawn
        if not self.pictures:
            settings["pictures in reports"] = "none"
        return settings
