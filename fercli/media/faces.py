"""Frames in, the faces of each out, largest first: the only file that knows the detector (facenet-pytorch's MTCNN)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.devices import resolve_device
from fercli.errors import UsageError
from fercli.media.images import Rgb
from fercli.results import Box, Face, Point

if TYPE_CHECKING:
    import torch

DETECTOR = "mtcnn"
_WINDOW = 12  # side of MTCNN's smallest window
_PYRAMID = 0.709
_SMALL_SIDE = 192  # a smaller picture is enlarged to this, as MTCNN finds few faces that fill a tiny picture
_SMALL_CANVAS = 240
_MIN_SHRUNKEN_FACE = 20  # px: the smallest face looked for in a picture that was shrunk to max_side
_BATCH_PIXELS = 1_000_000  # per pass: bounds the memory of the first, fully convolutional stage; more is no faster


def detector_version() -> str:
    """Name and version of what finds the faces, for the record."""
    return f"{DETECTOR} facenet-pytorch {version('facenet-pytorch')}"


@dataclass(frozen=True)
class _Canvas:
    """A frame as the detector sees it: frame coordinates = (canvas coordinates - offset) / scale."""

    rgb: Rgb
    scale: float
    offset_xy: tuple[int, int]
    min_face_px: float


class FaceDetector:
    """MTCNN (Zhang et al. 2016) with facenet-pytorch's weights.

    min_face_px: smallest face side to look for, in pixels of the picture. thresholds: of the three stages.
    max_side: a picture with a longer side is shrunk to it before the search; boxes are in pixels of the original.
    """

    def __init__(
        self,
        device: str = "auto",
        min_face_px: int = 20,
        *,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
        max_side: int = 1600,
    ) -> None:
        if min_face_px < 1 or max_side < _SMALL_CANVAS:
            raise UsageError(
                f"a minimum face of {min_face_px} px with pictures of {max_side} px makes no sense", fix="--min-face 20"
            )
        self.device: torch.device = resolve_device(device)
        self.min_face_px, self.thresholds, self.max_side = min_face_px, thresholds, max_side
        import torch
        from facenet_pytorch.models.mtcnn import ONet, PNet, RNet

        # frames arrive as [H, W, 3]: kept in that order, the same answers take two thirds of the time on a CPU
        layout = torch.channels_last
        self._nets = tuple(net().eval().to(self.device, memory_format=layout) for net in (PNet, RNet, ONet))

    def detect(self, frames: Sequence[Rgb]) -> list[list[Face]]:
        """Find the faces of RGB frames uint8 [H, W, 3]; frames of equal size run together. No face is an empty list."""
        canvases = [self._canvas(frame) for frame in frames]
        faces: list[list[Face]] = [[] for _ in frames]
        for batch in _batches(canvases):
            found = self._detect_equal([canvases[place] for place in batch])
            for place, of_frame in zip(batch, found, strict=True):
                faces[place] = of_frame
        return faces

    def _canvas(self, frame: Rgb) -> _Canvas:
        height, width = frame.shape[:2]
        longest = max(height, width)
        if longest < _SMALL_SIDE:
            scale = _SMALL_SIDE / longest
            small_wh = max(1, round(width * scale)), max(1, round(height * scale))
            enlarged = cv2.resize(frame, small_wh, interpolation=cv2.INTER_LINEAR)
            offset_xy = (_SMALL_CANVAS - small_wh[0]) // 2, (_SMALL_CANVAS - small_wh[1]) // 2
            canvas = np.zeros((_SMALL_CANVAS, _SMALL_CANVAS, 3), np.uint8)
            canvas[offset_xy[1] : offset_xy[1] + small_wh[1], offset_xy[0] : offset_xy[0] + small_wh[0]] = enlarged
            return _Canvas(canvas, scale, offset_xy, self.min_face_px * scale)
        if longest > self.max_side:
            scale = self.max_side / longest
            shrunk_wh = max(1, round(width * scale)), max(1, round(height * scale))
            smallest = max(self.min_face_px * scale, min(self.min_face_px, _MIN_SHRUNKEN_FACE))
            return _Canvas(cv2.resize(frame, shrunk_wh, interpolation=cv2.INTER_AREA), scale, (0, 0), smallest)
        return _Canvas(frame, 1.0, (0, 0), self.min_face_px)

    def _detect_equal(self, canvases: Sequence[_Canvas]) -> list[list[Face]]:
        import torch
        from facenet_pytorch.models.utils.detect_face import detect_face

        smallest = canvases[0].min_face_px
        # the pyramid must have at least one level, or facenet-pytorch fails on an empty list
        if min(canvases[0].rgb.shape[:2]) * (_WINDOW / smallest) < _WINDOW:
            return [[] for _ in canvases]
        stack = np.stack([canvas.rgb for canvas in canvases])  # [B, H, W, 3]
        with torch.inference_mode():
            boxes, landmarks = detect_face(stack, smallest, *self._nets, self.thresholds, _PYRAMID, self.device)
        return [_faces(*found) for found in zip(canvases, boxes, landmarks, strict=True)]


def _batches(canvases: Sequence[_Canvas]) -> Iterator[list[int]]:
    """Places of canvases with the same size and minimum face, few enough to fit in memory together."""
    groups: dict[tuple[int, int, float], list[int]] = {}
    for place, canvas in enumerate(canvases):
        groups.setdefault((*canvas.rgb.shape[:2], canvas.min_face_px), []).append(place)
    for (height, width, _), places in groups.items():
        step = max(1, _BATCH_PIXELS // (height * width))
        yield from (places[start : start + step] for start in range(0, len(places), step))


def _faces(canvas: _Canvas, boxes: NDArray[np.object_], landmarks: NDArray[np.object_]) -> list[Face]:
    """Turn facenet-pytorch's arrays of dtype object, boxes [K, 5] and landmarks [K, 5, 2], into faces of the frame."""
    rows = np.asarray(boxes, np.float64).reshape(-1, 5)
    offset = np.array(canvas.offset_xy, np.float64)
    corners = (rows[:, :4].reshape(-1, 2, 2) - offset) / canvas.scale
    points = (np.asarray(landmarks, np.float64).reshape(-1, 5, 2) - offset) / canvas.scale
    faces = [
        Face(box_xyxy=cast("Box", tuple(box.ravel().tolist())), score=float(row[4]), landmarks=_five(five))
        for row, box, five in zip(rows, corners, points, strict=True)
    ]
    return sorted(faces, key=lambda face: -face.area)


def _five(points: NDArray[np.float64]) -> tuple[Point, Point, Point, Point, Point]:
    left_eye, right_eye, nose, left_mouth, right_mouth = (cast("Point", tuple(point)) for point in points.tolist())
    return left_eye, right_eye, nose, left_mouth, right_mouth
