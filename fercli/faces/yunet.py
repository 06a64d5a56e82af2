"""The YuNet face detector: every picture is searched at one or two sizes, on canvases of a few fixed shapes.

YuNet finds faces of about 12 to 300 pixels of its input. So the picture is resized until the smallest face to detect is that
large, and searched again at a small size for large faces; the results are merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.config.detect import DetectConfig
from fercli.faces.boxes import Detections, suppress
from fercli.faces.yunet_network import BATCH_SIZES, SIDE_MULTIPLE, YuNetNetwork
from fercli.media.images import Rgb
from fercli.results import Box, Face, Landmarks
from fercli.system.chunks import chunked
from fercli.system.devices import cpu_threads

VERSION = "yunet n 0047ac2"
SMALL_PICTURE = 192  # px: a smaller picture is enlarged to this, with a black border around it

_LONGER_SIDES = (320, 480, 640, 800, 960, 1280, 1600)  # of the canvases; above, steps of 320
_COARSE = _LONGER_SIDES[0]  # the canvas that shows the largest faces
_ASPECTS = (9 / 16, 2 / 3, 3 / 4, 1.0)  # shorter to longer side of the canvases
_FACE_PX = 12  # side of the smallest face in pixels of the network's input: smaller ones are found with lower scores
_FINE_MAX_PX = 256  # larger faces are taken from the coarse canvas
_COARSE_MIN_PX = 16  # smaller faces are taken from the fine canvas
_SAME_IOU = 0.3  # overlap from which two detections are the same face
_PART_SHARE, _PART_SIDE = 0.8, 0.4  # a detection inside a face, with less than this share of its side, is a part of it
_SMALL_PICTURE_FACTOR = 0.43  # on the minimum score: a picture that small is usually a face
# Raw scores end at about 0.94. They are mapped so that 0.9 means the same as for MTCNN: in 48-px pictures 4 % of the found
# faces score less with either, and false detections in photos and videos do; 0.7 is MTCNN's minimum.
_RAW_SCORES, _SCORES = (0.0, 0.47, 0.8, 0.94), (0.0, 0.7, 0.9, 1.0)


@dataclass(frozen=True)
class View:
    """How a picture is placed on a canvas of fixed shape.

    Canvas coordinates = picture coordinates * scale_xy + offset_xy. min_px, max_px: longer sides, in pixels of the canvas,
    of the faces that are taken from this view.
    """

    shape: tuple[int, int]  # height, width
    size_wh: tuple[int, int]  # of the picture on the canvas
    offset_xy: tuple[int, int]
    scale_xy: tuple[float, float]
    min_px: float
    max_px: float

    def render(self, rgb: Rgb) -> Rgb:
        """Draw the picture on a black canvas."""
        shrinks = self.scale_xy[0] < 1
        resized = cv2.resize(rgb, self.size_wh, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        canvas = np.zeros((*self.shape, 3), np.uint8)
        left, top = self.offset_xy
        canvas[top : top + self.size_wh[1], left : left + self.size_wh[0]] = resized
        return canvas

    def to_picture(self, detections: Detections) -> Detections:
        """Select the detections of this view's face sizes, and map them to picture coordinates."""
        sides = (detections.boxes[:, 2:] - detections.boxes[:, :2]).max(axis=1, initial=0)
        kept = (sides >= self.min_px) & (sides <= self.max_px)
        offset, scale = np.array(self.offset_xy, np.float32), np.array(self.scale_xy, np.float32)
        boxes = (detections.boxes[kept].reshape(-1, 2, 2) - offset) / scale
        landmarks = (detections.landmarks[kept] - offset) / scale
        return Detections(boxes.reshape(-1, 4), detections.scores[kept], landmarks)


class YuNetDetector:
    """YuNet (Wu, Peng and Yu 2023). The last of `config.thresholds` is the minimum score of a face."""

    def __init__(
        self, config: DetectConfig | None = None, device: str = "auto", *, network: YuNetNetwork | None = None
    ) -> None:
        self.config = config or DetectConfig()
        # TensorRT would build an engine for each of the shapes
        self._network = network or YuNetNetwork(device.replace("tensorrt", "cuda"))
        self.device = self._network.device
        self._pool = ThreadPoolExecutor(cpu_threads())

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        """Find the faces of RGB pictures uint8 [H, W, 3] of any size, largest first.

        min_face_px: smallest face side to search for in these pictures; default: config.min_face_px. On the CPU, canvases are
        distributed over threads; on a GPU those of equal shape run together, in batches of fixed sizes.
        """
        smallest = min_face_px or self.config.min_face_px
        views = [(index, view) for index, frame in enumerate(frames) for view in self._views(frame, smallest)]
        detections = self._run(frames, views)
        of_frames: list[list[Detections]] = [[] for _ in frames]
        for (index, view), of_view in zip(views, detections, strict=True):
            of_frames[index].append(view.to_picture(of_view))
        return [
            _faces(of_frame, smallest, self._min_score(frame))
            for frame, of_frame in zip(frames, of_frames, strict=True)
        ]

    def _views(self, frame: Rgb, min_face_px: int) -> list[View]:
        return views_of(frame.shape[0], frame.shape[1], min_face_px, self.config.max_side)

    def _min_score(self, frame: Rgb) -> float:
        score = self.config.thresholds[-1]
        return score * _SMALL_PICTURE_FACTOR if max(frame.shape[:2]) < SMALL_PICTURE else score

    def _run(self, frames: Sequence[Rgb], views: Sequence[tuple[int, View]]) -> list[Detections]:
        """Run the network on every view, in order."""
        detections: list[Detections | None] = [None] * len(views)
        lowest = float(np.interp(self.config.thresholds[-1] * _SMALL_PICTURE_FACTOR, _SCORES, _RAW_SCORES))

        def run(batch: Sequence[int]) -> list[Detections]:
            canvases = [partial(view.render, frames[index]) for index, view in (views[position] for position in batch)]
            executor = self._pool if self._network.batched else None
            return self._network.detect(canvases, views[batch[0]][1].shape, lowest, executor=executor)

        batches = list(_batches([view.shape for _, view in views], BATCH_SIZES[-1] if self._network.batched else 1))
        results = map(run, batches) if self._network.batched else self._pool.map(run, batches)
        for batch, of_batch in zip(batches, results, strict=True):
            for position, of_view in zip(batch, of_batch, strict=True):
                detections[position] = of_view
        return cast("list[Detections]", detections)


def views_of(height: int, width: int, min_face_px: float, max_side: int) -> list[View]:
    """Choose the canvases for a picture: a fine one for faces down to `min_face_px`, and a coarse one for large faces.

    A picture under SMALL_PICTURE is enlarged to that size, in the middle of one canvas.
    """
    longest = max(height, width)
    if longest < SMALL_PICTURE:
        return [_view(height, width, SMALL_PICTURE, faces_px=(0, np.inf), square=True)]
    fine_side = min(longest * _FACE_PX / min_face_px, 2 * longest, max_side)
    sides = _longer_sides(max_side)
    fine = next((side for side in sides if side >= fine_side), sides[-1])
    if fine == _COARSE:
        return [_view(height, width, _COARSE, faces_px=(0, np.inf))]
    return [
        _view(height, width, fine, faces_px=(0, _FINE_MAX_PX)),
        _view(height, width, _COARSE, faces_px=(_COARSE_MIN_PX, np.inf)),
    ]


def _longer_sides(largest: int) -> list[int]:
    """The longer sides of canvases up to `largest`, at least the first."""
    sides = [*_LONGER_SIDES, *range(_LONGER_SIDES[-1] + _COARSE, largest + 1, _COARSE)]
    return [side for side in sides if side <= max(largest, _COARSE)]


def _canvas_shape(height: int, width: int, longest: int) -> tuple[int, int]:
    """Height and width of the canvas with that longer side, of the first aspect ratio that the picture fits in."""
    ratio = min(height, width) / max(height, width)
    aspect = next(aspect for aspect in _ASPECTS if ratio <= aspect + 1e-3)
    shorter = -(-round(longest * aspect) // SIDE_MULTIPLE) * SIDE_MULTIPLE
    return (longest, shorter) if height > width else (shorter, longest)


def _view(height: int, width: int, longest: int, *, faces_px: tuple[float, float], square: bool = False) -> View:
    """The picture with that longer side in the middle of a canvas."""
    shape = (_COARSE, _COARSE) if square else _canvas_shape(height, width, longest)
    scale = longest / max(height, width)
    size_wh = min(max(1, round(width * scale)), shape[1]), min(max(1, round(height * scale)), shape[0])
    offset_xy = (shape[1] - size_wh[0]) // 2, (shape[0] - size_wh[1]) // 2
    return View(shape, size_wh, offset_xy, (size_wh[0] / width, size_wh[1] / height), *faces_px)


def _batches(shapes: Sequence[tuple[int, int]], size: int) -> Iterator[list[int]]:
    """Positions of equal shapes, at most `size` together."""
    groups: dict[tuple[int, int], list[int]] = {}
    for position, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(position)
    for positions in groups.values():
        yield from chunked(positions, size)


def _faces(views: Sequence[Detections], min_face_px: float, min_score: float) -> list[Face]:
    """Merge the detections of a picture's views into faces, largest first."""
    merged = Detections.concatenate(views)
    scores = np.interp(merged.scores, _RAW_SCORES, _SCORES)
    sides = (merged.boxes[:, 2:] - merged.boxes[:, :2]).max(axis=1, initial=0)
    merged = merged.select((scores >= min_score) & (sides >= min_face_px))
    merged = merged.select(suppress(merged.boxes, merged.scores, _SAME_IOU))
    merged = merged.select(~_is_part(merged))
    scores = np.interp(merged.scores, _RAW_SCORES, _SCORES)
    faces = [
        Face(cast(Box, tuple(box)), float(score), cast(Landmarks, tuple(map(tuple, five))))
        for box, score, five in zip(merged.boxes.tolist(), scores, merged.landmarks.tolist(), strict=True)
    ]
    return sorted(faces, key=lambda face: -face.area)


def _is_part(detections: Detections) -> NDArray[np.bool_]:
    """Whether each detection is inside another, much larger one: an eye or a mouth that was mistaken for a face."""
    start, end = detections.boxes[:, :2], detections.boxes[:, 2:]
    sides = (end - start).max(axis=1, initial=0)
    shared = np.minimum(end[:, None], end[None]) - np.maximum(start[:, None], start[None])  # [K, K, 2]
    share = np.prod(np.maximum(shared, 0), axis=2) / np.prod(np.maximum(end - start, 1e-6), axis=1)[:, None]
    parts = (share > _PART_SHARE) & (sides[:, None] < _PART_SIDE * sides[None])
    result: NDArray[np.bool_] = parts.any(axis=1)
    return result
