"""Frames of any size in, the faces of each out, largest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from fercli.errors import UsageError
from fercli.faces.mtcnn import Found, Mtcnn
from fercli.media.images import Rgb
from fercli.results import Box, Face, Point
from fercli.system.chunks import chunked
from fercli.system.devices import cpu_threads

MIN_FACE_PX = 20  # MTCNN's usual
THRESHOLDS = (0.6, 0.7, 0.7)
MAX_SIDE = 1600
VIDEO_MIN_FACE_PX = 40  # smaller ones are too coarse to be read frame by frame, and cost as much as all the others
DETECTOR = "mtcnn facenet-pytorch 2.5.3"  # whose weights run, and whose answers they give
_SURE = 0.9  # score from which a find is hardly anything else
_SMALL_SIDE = 192  # a smaller picture is enlarged to this, as MTCNN finds few faces that fill a tiny picture
_SMALL_CANVAS = 240
LARGEST_SIDE = 32_000  # OpenCV counts the pixels of a side with 15 bits
_MIN_SHRUNKEN_FACE = 20  # px: the smallest face looked for in a picture that was shrunk to max_side
_BATCH_PIXELS = 1_000_000  # per pass: bounds the memory of the first, fully convolutional stage; more is no faster
_LANES = 4  # passes at once at most: while one waits for its last strip, or thins out boxes, another computes


def detector_version() -> str:
    """Name and version of what finds the faces, for the record."""
    return DETECTOR


def sure_faces(faces: Sequence[Face]) -> list[tuple[int, Face]]:
    """Numbered faces that the detector is sure of, or all of them if it is sure of none: a doubtful one may be a chair."""
    numbered = list(enumerate(faces))
    return [item for item in numbered if item[1].score >= _SURE] or numbered


def main_face(faces: Sequence[Face]) -> Face | None:
    """The face that a picture with one label is about: the largest of the sure ones; None without any."""
    return next((face for _, face in sure_faces(faces)), None)


@dataclass(frozen=True)
class _Canvas:
    """A frame as the detector sees it: frame coordinates = (canvas coordinates - offset) / scale."""

    rgb: Rgb
    scale: float
    offset_xy: tuple[int, int]
    min_face_px: float


class FaceDetector:
    """MTCNN (Zhang et al. 2016) with facenet-pytorch's weights.

    min_face_px: smallest face side to look for, in pixels of the picture. thresholds: least scores of its three stages.
    max_side: a picture with a longer side is shrunk to it before the search; boxes are in pixels of the original.
    """

    def __init__(
        self,
        device: str = "auto",
        min_face_px: int = MIN_FACE_PX,
        *,
        thresholds: tuple[float, float, float] = THRESHOLDS,
        max_side: int = MAX_SIDE,
    ) -> None:
        if min_face_px < 1 or not _SMALL_CANVAS <= max_side <= LARGEST_SIDE:
            raise UsageError(
                f"a minimum face of {min_face_px} px with pictures of {max_side} px makes no sense", fix="--min-face 20"
            )
        self.min_face_px, self.max_side = min_face_px, max_side
        # pictures have many sizes, and each would cost TensorRT an engine
        self._mtcnn = Mtcnn(device.replace("tensorrt", "cuda"), thresholds)
        self.device = self._mtcnn.device
        lanes = min(_LANES, cpu_threads()) if self.device == "cpu" else 1
        self._lanes = ThreadPoolExecutor(lanes) if lanes > 1 else None

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        """Find the faces of RGB frames uint8 [H, W, 3]; frames of equal size run together. No face is an empty list.

        min_face_px: another minimum than the detector's own, for these frames.
        """
        canvases = [self._canvas(frame, min_face_px or self.min_face_px) for frame in frames]
        faces: list[list[Face]] = [[] for _ in frames]
        batches = list(_batches(canvases))
        equals = [[canvases[place] for place in batch] for batch in batches]
        side_by_side = map if self._lanes is None or len(batches) == 1 else self._lanes.map
        for batch, found in zip(batches, side_by_side(self._detect_equal, equals), strict=True):
            for place, of_frame in zip(batch, found, strict=True):
                faces[place] = of_frame
        return faces

    def _canvas(self, frame: Rgb, min_face_px: int) -> _Canvas:
        height, width = frame.shape[:2]
        longest = max(height, width)
        if longest < _SMALL_SIDE:
            scale = _SMALL_SIDE / longest
            small_wh = max(1, round(width * scale)), max(1, round(height * scale))
            enlarged = cv2.resize(frame, small_wh, interpolation=cv2.INTER_LINEAR)
            offset_xy = (_SMALL_CANVAS - small_wh[0]) // 2, (_SMALL_CANVAS - small_wh[1]) // 2
            canvas = np.zeros((_SMALL_CANVAS, _SMALL_CANVAS, 3), np.uint8)
            canvas[offset_xy[1] : offset_xy[1] + small_wh[1], offset_xy[0] : offset_xy[0] + small_wh[0]] = enlarged
            return _Canvas(canvas, scale, offset_xy, min_face_px * scale)
        if longest > self.max_side:
            scale = self.max_side / longest
            shrunk_wh = max(1, round(width * scale)), max(1, round(height * scale))
            smallest = max(min_face_px * scale, min(min_face_px, _MIN_SHRUNKEN_FACE))
            return _Canvas(cv2.resize(frame, shrunk_wh, interpolation=cv2.INTER_AREA), scale, (0, 0), smallest)
        return _Canvas(frame, 1.0, (0, 0), min_face_px)

    def _detect_equal(self, canvases: Sequence[_Canvas]) -> list[list[Face]]:
        found = self._mtcnn.detect([canvas.rgb for canvas in canvases], canvases[0].min_face_px)
        return [_faces(canvas, of_canvas) for canvas, of_canvas in zip(canvases, found, strict=True)]


def _batches(canvases: Sequence[_Canvas]) -> Iterator[list[int]]:
    """Places of canvases with the same size and minimum face, few enough to fit in memory together."""
    groups: dict[tuple[int, int, float], list[int]] = {}
    for place, canvas in enumerate(canvases):
        groups.setdefault((*canvas.rgb.shape[:2], canvas.min_face_px), []).append(place)
    for (height, width, _), places in groups.items():
        step = max(1, _BATCH_PIXELS // (height * width))
        yield from chunked(places, step)


def _faces(canvas: _Canvas, found: Found) -> list[Face]:
    """Faces of a canvas as faces of its frame."""
    offset = np.array(canvas.offset_xy, np.float64)
    corners = (found.boxes.astype(np.float64).reshape(-1, 2, 2) - offset) / canvas.scale
    points = (found.points.astype(np.float64) - offset) / canvas.scale
    faces = [
        Face(box_xyxy=cast("Box", tuple(box.ravel().tolist())), score=float(score), landmarks=_five(five))
        for score, box, five in zip(found.scores, corners, points, strict=True)
    ]
    return sorted(faces, key=lambda face: -face.area)


def _five(points: np.ndarray) -> tuple[Point, Point, Point, Point, Point]:
    left_eye, right_eye, nose, left_mouth, right_mouth = (cast("Point", tuple(point)) for point in points.tolist())
    return left_eye, right_eye, nose, left_mouth, right_mouth
