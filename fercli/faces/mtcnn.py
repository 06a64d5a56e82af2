"""Frames of one size in, faces with five points out: MTCNN's cascade over three ONNX networks; never imports torch.

Zhang et al. 2016, in the form of facenet-pytorch, whose weights it runs and whose answers it gives. What differs is
the work: one table of sums per frame serves the pyramid and every crop, and frames and levels run side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.errors import WeightsError
from fercli.faces.area_sums import AreaSums
from fercli.faces.boxes import Boxes, keep_largest_score, pixels_inside, regress, squared
from fercli.media.images import Rgb
from fercli.system.devices import cpu_threads
from fercli.system.onnx_session import computes, open_session
from fercli.system.shipped import weights_folders

Floats = NDArray[np.float32]
T = TypeVar("T")
R = TypeVar("R")

_WINDOW, _STRIDE = 12, 2  # of the first network, in pixels of its input
_PYRAMID = 0.709
_PIXELS, _LEAST_ROWS = 40_000, 16  # of one run on the CPU: what it computes with stays in a core's cache
_CROPS_ON_GPU = 512
_INPUT, _SIDES = "images", {"pnet": _WINDOW, "rnet": 24, "onet": 48}  # of the networks: least side of what they see


@dataclass(frozen=True)
class Found:
    """Faces of one frame, in its pixels, best score first: boxes [K, 4], scores [K], points [K, 5, 2] (x, y)."""

    boxes: Boxes
    scores: Floats
    points: Floats


@dataclass(frozen=True)
class _Level:
    """One size of the pyramid: scale of the frame, and the size in pixels that follows from it."""

    scale: float
    frame_height: int
    frame_width: int

    @property
    def height(self) -> int:
        return int(self.frame_height * self.scale + 1)

    @property
    def width(self) -> int:
        return int(self.frame_width * self.scale + 1)

    @property
    def outputs(self) -> int:
        """Rows the first network answers with: two pixels apart, the last one may hang over the edge."""
        return -(-(self.height - _STRIDE) // _STRIDE) - 4

    def strips(self) -> Iterator[range]:
        """The rows of answers in parts whose pixels and features stay in a core's cache."""
        wanted = max(_LEAST_ROWS, _PIXELS // self.width // _STRIDE)
        parts = max(1, round(self.outputs / wanted))
        edges = [self.outputs * part // parts for part in range(parts + 1)]
        return (range(start, end) for start, end in pairwise(edges))


@dataclass(frozen=True)
class _Strip:
    """What one run of the first network looks at: some rows of its answers, of one level of some frames."""

    frames: range
    level: _Level
    outputs: range


class Mtcnn:
    """The cascade on one device. thresholds: least scores after the three stages.

    On the CPU every network runs in one thread, and frames, levels and crops are shared out among `cpu_threads()`
    of them; on CUDA all frames go through a network together.
    """

    def __init__(self, device: str = "auto", thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)) -> None:
        self.thresholds = thresholds
        (self._pnet, self._rnet, self._onet), self.device = _open(device)
        self._pool = ThreadPoolExecutor(cpu_threads()) if self.device == "cpu" else None

    def detect(self, frames: Sequence[Rgb], min_face_px: float) -> list[Found]:
        """Find the faces of frames uint8 [H, W, 3] of one size whose side is at least about `min_face_px`."""
        height, width = frames[0].shape[:2]
        sums = self._share(AreaSums, frames)
        candidates = self._scan(sums, list(_scales(min(height, width), min_face_px)))
        refined = self._refine(sums, candidates)
        return self._conclude(sums, refined)

    def _scan(self, sums: Sequence[AreaSums], scales: Sequence[float]) -> list[Boxes]:
        """First stage: squares [K, 4] of each frame where the pyramid's levels answer."""
        if not scales:
            return [np.zeros((0, 4), np.float32) for _ in sums]
        groups = [range(len(sums))] if self._pool is None else [range(i, i + 1) for i in range(len(sums))]
        strips = [
            _Strip(group, level, rows)
            for group in groups
            for level in (_Level(scale, sums[0].height, sums[0].width) for scale in scales)
            for rows in ([range(level.outputs)] if self._pool is None else level.strips())
        ]
        windows: dict[tuple[int, float], list[Floats]] = {}
        for strip, of_strip in zip(
            strips, self._share(lambda strip: self._scan_strip(sums, strip), strips), strict=True
        ):
            for frame, rows in zip(strip.frames, of_strip, strict=True):
                windows.setdefault((frame, strip.level.scale), []).append(rows)
        return self._share(
            lambda frame: _squares([np.concatenate(windows[frame, scale]) for scale in scales]), range(len(sums))
        )

    def _scan_strip(self, sums: Sequence[AreaSums], strip: _Strip) -> list[Floats]:
        """Rows [K, 9] of each frame: window in its pixels, score, offsets."""
        level, first = strip.level, strip.outputs.start
        pixels = slice(_STRIDE * first, _STRIDE * strip.outputs.stop + _WINDOW - _STRIDE)
        if strip.outputs.stop == level.outputs:
            pixels = slice(pixels.start, level.height)
        shrunk = [sums[frame].shrink(level.height, level.width, pixels) for frame in strip.frames]
        seen = shrunk[0][None] if len(shrunk) == 1 else np.stack(shrunk)
        offsets, scores = self._pnet.run(None, {_INPUT: seen})  # [B, 4, h, w], [B, h, w]
        rows = []
        for frame_offsets, frame_scores in zip(offsets, scores, strict=True):
            y, x = np.nonzero(frame_scores >= self.thresholds[0])
            corner = np.stack([x, y + first], axis=1).astype(np.float32) * _STRIDE
            start = np.floor((corner + 1) / np.float32(level.scale))
            end = np.floor((corner + _WINDOW) / np.float32(level.scale))
            rows.append(np.concatenate([start, end, frame_scores[y, x, None], frame_offsets[:, y, x].T], axis=1))
        return rows

    def _refine(self, sums: Sequence[AreaSums], squares: Sequence[Boxes]) -> list[Boxes]:
        """Second stage: the squares of each frame that hold a face, moved to where it is."""
        boxes, places, (offsets, scores) = self._read(self._rnet, sums, squares, _SIDES["rnet"])
        kept = []
        for frame in range(len(sums)):
            here = (places == frame) & (scores > self.thresholds[1])
            mine, moves = boxes[here], offsets[here]
            best = _best(mine, scores[here], 0.7)
            kept.append(squared(regress(mine[best], moves[best], inclusive=True)))
        return kept

    def _conclude(self, sums: Sequence[AreaSums], squares: Sequence[Boxes]) -> list[Found]:
        """Third stage: the faces of each frame with their points."""
        boxes, places, (offsets, points, scores) = self._read(self._onet, sums, squares, _SIDES["onet"])
        found = []
        for frame in range(len(sums)):
            here = (places == frame) & (scores > self.thresholds[2])
            mine, mine_scores = boxes[here], scores[here]
            sides = mine[:, 2:] - mine[:, :2] + 1
            five = np.stack(np.split(points[here], 2, axis=1), axis=2)  # [K, 5, 2], fractions of the square
            five = five * sides[:, None] + mine[:, None, :2] - 1
            moved = regress(mine, offsets[here], inclusive=True)
            best = keep_largest_score(moved, mine_scores, 0.7)
            found.append(Found(moved[best], mine_scores[best], five[best]))
        return found

    def _read(
        self, net: Any, sums: Sequence[AreaSums], squares: Sequence[Boxes], side: int
    ) -> tuple[Boxes, NDArray[np.int64], list[Floats]]:
        """What a network says of the squares of all frames: the squares that show something, their frames, its outputs."""
        boxes = np.concatenate(squares)
        places = np.repeat(np.arange(len(squares)), [len(of_frame) for of_frame in squares])
        inside = pixels_inside(boxes, sums[0].width, sums[0].height)
        visible = (inside[:, 2] > inside[:, 0]) & (inside[:, 3] > inside[:, 1])
        boxes, places, inside = boxes[visible], places[visible], inside[visible]

        def run(chunk: slice) -> list[Floats]:
            crops = np.empty((len(boxes[chunk]), side, side, 3), np.float32)
            for frame in np.unique(places[chunk]):
                here = places[chunk] == frame
                crops[here] = sums[frame].crops(inside[chunk][here], side)
            outputs: list[Floats] = net.run(None, {_INPUT: crops})
            return outputs

        step = _CROPS_ON_GPU if self._pool is None else max(1, _PIXELS // side**2)
        outputs = self._share(run, [slice(start, start + step) for start in range(0, len(boxes), step)])
        if not outputs:  # the networks refuse an empty batch
            outputs = [[part[:0] for part in net.run(None, {_INPUT: np.zeros((1, side, side, 3), np.float32)})]]
        return boxes, places, [np.concatenate(parts) for parts in zip(*outputs, strict=True)]

    def _share(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Do the same to every item, on as many threads as there are."""
        return list(map(work, items)) if self._pool is None else list(self._pool.map(work, items))


def _scales(shorter_side: int, min_face_px: float) -> Iterable[float]:
    scale = _WINDOW / min_face_px
    side = shorter_side * scale
    while side >= _WINDOW:
        yield scale
        scale *= _PYRAMID
        side *= _PYRAMID


def _squares(levels: Sequence[Floats]) -> Boxes:
    """Windows [K, 9] of a frame's levels to the squares [K, 4] they point at, without those that say the same."""
    rows = np.concatenate([level[_best(level[:, :4], level[:, 4], 0.5)] for level in levels])
    rows = rows[_best(rows[:, :4], rows[:, 4], 0.7)]
    return squared(regress(rows[:, :4], rows[:, 5:], inclusive=False))


def _best(boxes: Boxes, scores: Floats, limit: float) -> NDArray[np.int64]:
    """Non-maximum suppression by intersection over union; places, best score first."""
    if not len(boxes):
        return np.zeros(0, np.int64)
    corners = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).astype(np.float64)
    kept = cv2.dnn.NMSBoxes(cast(Any, corners), cast(Any, scores), 0.0, limit)
    return np.asarray(kept, np.int64).ravel()


def _open(device: str) -> tuple[list[Any], str]:
    """The three networks, all on one device, which is told.

    A GPU answers once before there is work: one that fails there is refused, or with `auto` left for the CPU.
    """
    opened = [open_session(_file(name), device, threads=1) for name in _SIDES]
    sessions, devices = [session for session, _ in opened], {running for _, running in opened}
    if devices == {"cpu"}:
        return sessions, "cpu"
    if len(devices) > 1:  # only `auto` may find that
        return _open("cpu")

    def ask() -> None:
        for session, side in zip(sessions, _SIDES.values(), strict=True):
            session.run(None, {_INPUT: np.zeros((1, side, side, 3), np.float32)})

    return (sessions, devices.pop()) if computes(device, ask, first="picture") else _open("cpu")


def _file(name: str) -> Any:
    for folder in weights_folders():
        if (folder / "detector" / f"{name}.onnx").is_file():
            return folder / "detector" / f"{name}.onnx"
    raise WeightsError(f"the face detector's file {name}.onnx is missing", fix="pip install --force-reinstall fercli")
