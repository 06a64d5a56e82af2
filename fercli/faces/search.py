"""Find the faces of pictures and video frames: by the detector, or by optical flow from the previous frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fercli.config.detect import DetectConfig
from fercli.faces.detector import FaceDetector
from fercli.faces.optical_flow import FaceFlow
from fercli.media.feed import Item
from fercli.media.sources import Source
from fercli.results import Face


@dataclass(frozen=True)
class Seen:
    """A face of a frame. detected: False if optical flow carried it over from the previous frame."""

    face: Face
    detected: bool


@dataclass
class _Previous:
    """The previous frame of the current video and its faces. detected: index of the last frame that the detector saw."""

    source: Source
    flow: FaceFlow
    detected: int
    faces: Sequence[Face] = field(default_factory=tuple)


class FaceSearch:
    """Runs the detector on every picture and every n-th frame of a video; in between, optical flow moves the faces.

    config: has the smallest face sides to search for, in pictures and in videos (default: `DetectConfig()`). every: n.
    """

    def __init__(self, detector: FaceDetector, config: DetectConfig | None = None, *, every: int = 1) -> None:
        self._detector, self._every = detector, every
        config = config or DetectConfig()
        self._min_face_px = {False: config.min_face_px, True: config.video_min_face_px}  # of pictures, of frames
        self._previous: _Previous | None = None

    def faces(self, chunk: Sequence[Item]) -> list[list[Seen]]:
        """Return the faces of every item, in order; none for an item that could not be read. Chunks follow the video's order."""
        due = self._due(chunk)
        detected: dict[int, list[Face]] = {}  # by index in the chunk
        for is_frame, min_face_px in self._min_face_px.items():
            indices = [index for index, item in enumerate(chunk) if due[index] and item.is_frame == is_frame]
            frames = [rgb for index in indices if (rgb := chunk[index].rgb) is not None]
            if frames:
                detected |= dict(zip(indices, self._detector.detect(frames, min_face_px=min_face_px), strict=True))
        return [self._seen(item, detected.get(index)) for index, item in enumerate(chunk)]

    def _due(self, chunk: Sequence[Item]) -> list[bool]:
        """Which items the detector runs on: a video's first frame, one of another size, one after n frames."""
        previous: tuple[Source, tuple[int, ...]] | None = None
        last_detected = 0
        if self._previous is not None:
            previous, last_detected = (self._previous.source, self._previous.flow.shape), self._previous.detected
        due = []
        for item in chunk:
            detect = item.rgb is not None
            if item.rgb is not None and item.frame is not None:
                current = item.source, item.rgb.shape[:2]
                detect = previous is None or previous[0] is not current[0] or previous[1] != current[1]
                detect = detect or not 0 < item.frame - last_detected < self._every
                previous, last_detected = current, item.frame if detect else last_detected
            due.append(detect)
        return due

    def _seen(self, item: Item, detected: list[Face] | None) -> list[Seen]:
        """Faces of one item. detected: None where the detector did not run."""
        if self._every == 1 or item.rgb is None or item.frame is None:
            return [Seen(face, detected=True) for face in detected or ()]
        if detected is not None:
            self._previous = _Previous(item.source, FaceFlow(item.rgb), item.frame, detected)
            return [Seen(face, detected=True) for face in detected]
        if self._previous is None:
            return []
        self._previous.faces = self._previous.flow.follow(item.rgb, self._previous.faces)
        return [Seen(face, detected=False) for face in self._previous.faces]
