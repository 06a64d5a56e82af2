"""The YuNet face detector: every picture is searched at one or two sizes, and the results are merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fercli.config.detect import DetectConfig
from fercli.faces.boxes import Detections, suppress
from fercli.faces.yunet_network import BATCH_SIZES, YuNetNetwork
from fercli.faces.yunet_views import SMALL_PICTURE, View, render_views, views_of
from fercli.media.images import Rgb
from fercli.results import Box, Face, Landmarks
from fercli.system.chunks import chunked
from fercli.system.devices import cpu_threads

_SAME_IOU = 0.3  # overlap from which two detections are the same face
_PART_SHARE, _PART_SIDE = 0.8, 0.4  # a detection inside a face, with less than this share of its side, is a part of it
_SMALL_PICTURE_FACTOR = 0.43  # on the minimum score: a picture that small is usually a face
# Raw scores end at about 0.94. They are mapped so that 0.9 means the same as for MTCNN: in 48-px pictures 4 % of the found
# faces score less with either, and false detections in photos and videos do; 0.7 is MTCNN's minimum.
_RAW_SCORES, _SCORES = (0.0, 0.47, 0.8, 0.94), (0.0, 0.7, 0.9, 1.0)


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

        min_face_px: smallest face side to search for in these pictures; default: config.min_face_px. On the CPU, pictures
        are distributed over threads; on a GPU, canvases of equal shape run together, in batches of fixed sizes.
        """
        smallest = min_face_px or self.config.min_face_px
        search = self._in_batches if self._network.batched else self._one_by_one
        views = [views_of(frame.shape[0], frame.shape[1], smallest, self.config.max_side) for frame in frames]
        return [
            _faces(of_frame, smallest, self._min_score(frame))
            for frame, of_frame in zip(frames, search(frames, views), strict=True)
        ]

    def _min_score(self, frame: Rgb) -> float:
        score = self.config.thresholds[-1]
        return score * _SMALL_PICTURE_FACTOR if max(frame.shape[:2]) < SMALL_PICTURE else score

    @property
    def _min_raw_score(self) -> float:
        return float(np.interp(self.config.thresholds[-1] * _SMALL_PICTURE_FACTOR, _SCORES, _RAW_SCORES))

    def _one_by_one(self, frames: Sequence[Rgb], views: Sequence[Sequence[View]]) -> list[list[Detections]]:
        """Detections of the views of every frame; each thread searches one frame."""

        def search(frame: Rgb, of_frame: Sequence[View]) -> list[Detections]:
            return [
                view.to_picture(self._network.detect([canvas], self._min_raw_score)[0])
                for view, canvas in zip(of_frame, render_views(frame, of_frame), strict=True)
            ]

        return list(self._pool.map(search, frames, views))

    def _in_batches(self, frames: Sequence[Rgb], views: Sequence[Sequence[View]]) -> list[list[Detections]]:
        """Detections of the views of every frame; canvases have fixed shapes, and those of one shape run together."""
        fixed = [[view.on_fixed_canvas() for view in of_frame] for of_frame in views]
        canvases = [canvas for drawn in self._pool.map(render_views, frames, fixed) for canvas in drawn]
        found: dict[int, Detections] = {}
        for batch in _batches([canvas.shape for canvas in canvases], BATCH_SIZES[-1]):
            found |= zip(
                batch,
                self._network.detect([canvases[index] for index in batch], self._min_raw_score, executor=self._pool),
                strict=True,
            )
        of_views = (found[index] for index in range(len(canvases)))
        return [[view.to_picture(next(of_views)) for view in of_frame] for of_frame in fixed]


def _batches(shapes: Sequence[tuple[int, ...]], size: int) -> Iterator[list[int]]:
    """Positions of equal shapes, at most `size` together."""
    groups: dict[tuple[int, ...], list[int]] = {}
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
