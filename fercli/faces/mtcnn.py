"""The MTCNN face detector: pictures of any size, grouped by size for its cascade."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from fercli.config.detect import MAX_SIDE_RANGE, DetectConfig
from fercli.faces.boxes import Detections
from fercli.faces.mtcnn_cascade import MtcnnCascade
from fercli.media.images import Rgb
from fercli.results import Box, Face, Landmarks
from fercli.system.chunks import chunked
from fercli.system.devices import cpu_threads

_SMALL_SIDE = 192  # a smaller picture is enlarged to this, as MTCNN finds few faces that fill a tiny picture
_SMALL_CANVAS = MAX_SIDE_RANGE[0]  # side of the black canvas that an enlarged picture is centred on
_MIN_SHRUNKEN_FACE = 20  # px: the smallest face searched for in a picture that was shrunk to max_side
_BATCH_PIXELS = 1_000_000  # per pass: bounds the memory of the first, fully convolutional stage; more is not faster
_MAX_CONCURRENT = 4  # passes at once: one computes while another waits for its last strip or suppresses boxes


@dataclass(frozen=True)
class _Canvas:
    """A picture as the cascade takes it: picture coordinates = (canvas coordinates - offset) / scale."""

    rgb: Rgb
    scale: float
    offset_xy: tuple[int, int]
    min_face_px: float


class MtcnnDetector:
    """MTCNN (Zhang et al. 2016) with facenet-pytorch's weights.

    A picture whose longer side exceeds `config.max_side` is shrunk to it; boxes are in pixels of the original.
    """

    def __init__(self, config: DetectConfig | None = None, device: str = "auto") -> None:
        self.config = config or DetectConfig()
        # pictures have many sizes, and TensorRT would build an engine for each of them
        self._cascade = MtcnnCascade(device.replace("tensorrt", "cuda"), self.config.thresholds)
        self.device = self._cascade.device
        workers = min(_MAX_CONCURRENT, cpu_threads()) if self.device == "cpu" else 1
        self._pool = ThreadPoolExecutor(workers) if workers > 1 else None

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        """Find the faces of RGB pictures uint8 [H, W, 3], largest first; pictures of equal size run together.

        min_face_px: smallest face side to search for in these pictures; default: config.min_face_px.
        """
        canvases = [self._canvas(frame, min_face_px or self.config.min_face_px) for frame in frames]
        faces: list[list[Face]] = [[] for _ in frames]
        batches = list(_batches(canvases))
        equal_size_batches = [[canvases[index] for index in batch] for batch in batches]
        run = map if self._pool is None or len(batches) == 1 else self._pool.map
        for batch, results in zip(batches, run(self._detect_equal, equal_size_batches), strict=True):
            for index, frame_faces in zip(batch, results, strict=True):
                faces[index] = frame_faces
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
        if longest > self.config.max_side:
            scale = self.config.max_side / longest
            shrunk_wh = max(1, round(width * scale)), max(1, round(height * scale))
            smallest = max(min_face_px * scale, min(min_face_px, _MIN_SHRUNKEN_FACE))
            return _Canvas(cv2.resize(frame, shrunk_wh, interpolation=cv2.INTER_AREA), scale, (0, 0), smallest)
        return _Canvas(frame, 1.0, (0, 0), min_face_px)

    def _detect_equal(self, canvases: Sequence[_Canvas]) -> list[list[Face]]:
        detections = self._cascade.detect([canvas.rgb for canvas in canvases], canvases[0].min_face_px)
        return [_faces(canvas, canvas_faces) for canvas, canvas_faces in zip(canvases, detections, strict=True)]


def _batches(canvases: Sequence[_Canvas]) -> Iterator[list[int]]:
    """Indices of canvases with the same size and minimum face, few enough to fit in memory together."""
    groups: dict[tuple[int, int, float], list[int]] = {}
    for index, canvas in enumerate(canvases):
        groups.setdefault((*canvas.rgb.shape[:2], canvas.min_face_px), []).append(index)
    for (height, width, _), indices in groups.items():
        yield from chunked(indices, max(1, _BATCH_PIXELS // (height * width)))


def _faces(canvas: _Canvas, detections: Detections) -> list[Face]:
    """Detections on a canvas as faces of its picture, largest first."""
    offset = np.array(canvas.offset_xy, np.float64)
    corners = (detections.boxes.astype(np.float64).reshape(-1, 2, 2) - offset) / canvas.scale
    landmarks = (detections.landmarks.astype(np.float64) - offset) / canvas.scale
    faces = [
        Face(cast(Box, tuple(box.ravel().tolist())), float(score), cast(Landmarks, tuple(map(tuple, five.tolist()))))
        for score, box, five in zip(detections.scores, corners, landmarks, strict=True)
    ]
    return sorted(faces, key=lambda face: -face.area)
