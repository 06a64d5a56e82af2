"""Pictures and frames in, the faces of each out: searched for, or carried over from the frame before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fercli.faces.detector import MIN_FACE_PX, VIDEO_MIN_FACE_PX
from fercli.faces.optical_flow import FaceFlow
from fercli.media.feed import Item
from fercli.media.images import Rgb
from fercli.media.sources import Source
from fercli.results import Face


class Detector(Protocol):
    """What finds faces: `FaceDetector`, or a stand-in."""

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]: ...


@dataclass(frozen=True)
class Seen:
    """A face of a frame; detected is False if it was carried over from the frame before."""

    face: Face
    detected: bool


@dataclass
class _Carried:
    """The last frame of the video at hand, for the next one to begin from. searched: number of the last one searched."""

    source: Source
    flow: FaceFlow
    searched: int
    faces: Sequence[Face] = field(default_factory=tuple)


class FaceSearch:
    """Searches every picture and every n-th frame of a video; between, faces are carried over by optical flow.

    min_face_px: smallest face to look for; None is MIN_FACE_PX in pictures, VIDEO_MIN_FACE_PX in videos.
    """

    def __init__(self, detector: Detector, *, min_face_px: int | None = None, every: int = 1) -> None:
        self._detector, self._every = detector, every
        self._smallest = {False: min_face_px or MIN_FACE_PX, True: min_face_px or VIDEO_MIN_FACE_PX}
        self._carried: _Carried | None = None

    def faces(self, chunk: Sequence[Item]) -> list[list[Seen]]:
        """Faces of every item, in order: none of one that could not be read. Chunks come in the order of the video."""
        due = self._due(chunk)
        found: dict[int, list[Face]] = {}
        for is_frame, smallest in self._smallest.items():
            places = [place for place, item in enumerate(chunk) if due[place] and item.is_frame == is_frame]
            frames = [rgb for place in places if (rgb := chunk[place].rgb) is not None]
            if frames:
                found |= dict(zip(places, self._detector.detect(frames, min_face_px=smallest), strict=True))
        return [self._seen(item, found.get(place)) for place, item in enumerate(chunk)]

    def _due(self, chunk: Sequence[Item]) -> list[bool]:
        """Which items are to be searched: a video's first frame, one of another size, one after n frames."""
        before: tuple[Source, tuple[int, ...]] | None = None
        searched = 0
        if self._carried is not None:
            before, searched = (self._carried.source, self._carried.flow.shape), self._carried.searched
        due = []
        for item in chunk:
            now = item.rgb is not None
            if item.rgb is not None and item.frame is not None:
                here = item.source, item.rgb.shape[:2]
                now = before is None or before[0] is not here[0] or before[1] != here[1]
                now = now or not 0 < item.frame - searched < self._every
                before, searched = here, item.frame if now else searched
            due.append(now)
        return due

    def _seen(self, item: Item, found: list[Face] | None) -> list[Seen]:
        """found: None where nothing was searched."""
        if self._every == 1 or item.rgb is None or item.frame is None:
            return [Seen(face, detected=True) for face in found or ()]
        if found is not None:
            self._carried = _Carried(item.source, FaceFlow(item.rgb), item.frame, found)
            return [Seen(face, detected=True) for face in found]
        if self._carried is None:
            return []
        self._carried.faces = self._carried.flow.follow(item.rgb, self._carried.faces)
        return [Seen(face, detected=False) for face in self._carried.faces]
