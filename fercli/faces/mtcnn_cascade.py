"""MTCNN's cascade of three networks on ONNX Runtime.

Zhang et al. 2016, as facenet-pytorch implements it, with its weights and the same results. One table of area sums per
frame serves the image pyramid and every crop, and frames and levels run in parallel. Never imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fercli.config.detect import DetectConfig
from fercli.faces.area_sums import AreaSums
from fercli.faces.boxes import Boxes, Detections, pixels_inside, regress, squared, suppress, suppress_by_minimum
from fercli.media.images import Rgb
from fercli.system.chunks import chunked
from fercli.system.devices import cpu_threads
from fercli.system.onnx_session import open_session, runs
from fercli.system.shipped import detector_file

Floats = NDArray[np.float32]
T = TypeVar("T")
R = TypeVar("R")

_WINDOW, _STRIDE = 12, 2  # px of the first network's input
_PYRAMID = 0.709
_PIXELS, _LEAST_ROWS = 40_000, 16  # of one run on the CPU, so that its features fit in a core's cache
_CROPS_ON_GPU = 512
_INPUT, _SIDES = "images", {"pnet": _WINDOW, "rnet": 24, "onet": 48}  # input side of each network (P-Net: minimum)


@dataclass(frozen=True)
class _Level:
    """One level of the image pyramid: its scale, and the size in pixels that follows from it."""

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
        """Rows of the first network's output: two pixels apart, the last one may reach over the edge."""
        return -(-(self.height - _STRIDE) // _STRIDE) - 4

    def strips(self) -> Iterator[range]:
        """Return the output rows in parts whose pixels and features fit in a core's cache."""
        rows = max(_LEAST_ROWS, _PIXELS // self.width // _STRIDE)
        parts = max(1, round(self.outputs / rows))
        edges = [self.outputs * part // parts for part in range(parts + 1)]
        return (range(start, end) for start, end in pairwise(edges))


@dataclass(frozen=True)
class _Strip:
    """The input of one run of the first network: some output rows of one level of some frames."""

    frames: range
    level: _Level
    outputs: range


class MtcnnCascade:
    """The cascade on one device. thresholds: minimum scores after the three stages.

    On the CPU every network runs in one thread, and frames, levels and crops are distributed over `cpu_threads()`
    threads; on CUDA all frames go through a network together. together: do so on the CPU as well.
    """

    def __init__(
        self,
        device: str = "auto",
        thresholds: tuple[float, float, float] = DetectConfig.thresholds,
        *,
        together: bool = False,
    ) -> None:
        self.thresholds = thresholds
        (self._pnet, self._rnet, self._onet), self.device = open_networks(device)
        self._pool = ThreadPoolExecutor(cpu_threads()) if self.device == "cpu" and not together else None

    def detect(self, frames: Sequence[Rgb], min_face_px: float) -> list[Detections]:
        """Find the faces of frames uint8 [H, W, 3] of one size whose side is at least about `min_face_px`."""
        height, width = frames[0].shape[:2]
        sums = self._map(AreaSums, frames)
        candidates = self._propose(sums, list(_scales(min(height, width), min_face_px)))
        refined = self._refine(sums, candidates)
        return self._output(sums, refined)

    def _propose(self, sums: Sequence[AreaSums], scales: Sequence[float]) -> list[Boxes]:
        """First stage (P-Net): candidate squares [K, 4] of each frame, from all levels of the pyramid."""
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
        for strip, strip_rows in zip(
            strips, self._map(lambda strip: self._propose_in_strip(sums, strip), strips), strict=True
        ):
            for frame, rows in zip(strip.frames, strip_rows, strict=True):
                windows.setdefault((frame, strip.level.scale), []).append(rows)
        return self._map(
            lambda frame: _squares([np.concatenate(windows[frame, scale]) for scale in scales]), range(len(sums))
        )

    def _propose_in_strip(self, sums: Sequence[AreaSums], strip: _Strip) -> list[Floats]:
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
        """Second stage (R-Net): the candidates of each frame that show a face, refined to its position."""
        boxes, frames, (offsets, scores) = self._run_on_crops(self._rnet, sums, squares, _SIDES["rnet"])
        kept = []
        for frame in range(len(sums)):
            here = (frames == frame) & (scores > self.thresholds[1])
            mine, moves = boxes[here], offsets[here]
            best = suppress(mine, scores[here], 0.7)
            kept.append(squared(regress(mine[best], moves[best], inclusive=True)))
        return kept

    def _output(self, sums: Sequence[AreaSums], squares: Sequence[Boxes]) -> list[Detections]:
        """Third stage (O-Net): the faces of each frame with their landmarks."""
        boxes, frames, (offsets, points, scores) = self._run_on_crops(self._onet, sums, squares, _SIDES["onet"])
        detections = []
        for frame in range(len(sums)):
            here = (frames == frame) & (scores > self.thresholds[2])
            mine, mine_scores = boxes[here], scores[here]
            sides = mine[:, 2:] - mine[:, :2] + 1
            five = np.stack(np.split(points[here], 2, axis=1), axis=2)  # [K, 5, 2], fractions of the square
            five = five * sides[:, None] + mine[:, None, :2] - 1
            moved = regress(mine, offsets[here], inclusive=True)
            best = suppress_by_minimum(moved, mine_scores, 0.7)
            detections.append(Detections(moved[best], mine_scores[best], five[best]))
        return detections

    def _run_on_crops(
        self, net: Any, sums: Sequence[AreaSums], squares: Sequence[Boxes], side: int
    ) -> tuple[Boxes, NDArray[np.int64], list[Floats]]:
        """Run a network on the squares of all frames.

        Returns the squares that overlap their frame, the index of the frame of each, and the network's outputs.
        """
        boxes = np.concatenate(squares)
        frames = np.repeat(np.arange(len(squares)), [len(frame_squares) for frame_squares in squares])
        inside = pixels_inside(boxes, sums[0].width, sums[0].height)
        visible = (inside[:, 2] > inside[:, 0]) & (inside[:, 3] > inside[:, 1])
        boxes, frames, inside = boxes[visible], frames[visible], inside[visible]

        def run(chunk: NDArray[np.int64]) -> list[Floats]:
            crops = np.empty((len(boxes[chunk]), side, side, 3), np.float32)
            for frame in np.unique(frames[chunk]):
                here = frames[chunk] == frame
                crops[here] = sums[frame].crops(inside[chunk][here], side)
            outputs: list[Floats] = net.run(None, {_INPUT: crops})
            return outputs

        step = _CROPS_ON_GPU if self._pool is None else max(1, _PIXELS // side**2)
        outputs = self._map(run, chunked(np.arange(len(boxes)), step))
        if not outputs:  # the networks do not take an empty batch
            outputs = [[part[:0] for part in net.run(None, {_INPUT: np.zeros((1, side, side, 3), np.float32)})]]
        return boxes, frames, [np.concatenate(parts) for parts in zip(*outputs, strict=True)]

    def _map(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Apply `work` to every item, on all threads."""
        return list(map(work, items)) if self._pool is None else list(self._pool.map(work, items))


def _scales(shorter_side: int, min_face_px: float) -> Iterable[float]:
    scale = _WINDOW / min_face_px
    side = shorter_side * scale
    while side >= _WINDOW:
        yield scale
        scale *= _PYRAMID
        side *= _PYRAMID


def _squares(levels: Sequence[Floats]) -> Boxes:
    """Squares [K, 4] that the windows [K, 9] of a frame's levels point at, without duplicates."""
    rows = np.concatenate([level[suppress(level[:, :4], level[:, 4], 0.5)] for level in levels])
    rows = rows[suppress(rows[:, :4], rows[:, 4], 0.7)]
    return squared(regress(rows[:, :4], rows[:, 5:], inclusive=False))


def open_networks(device: str) -> tuple[list[Any], str]:
    """Open the three networks on one device; returns them and its name.

    A GPU runs each network once before there is work: if it fails, it is refused, or `auto` falls back to the CPU.
    """
    opened = [open_session(detector_file(f"{name}.onnx"), device, threads=1) for name in _SIDES]
    sessions, devices = [session for session, _ in opened], {running for _, running in opened}
    if devices == {"cpu"}:
        return sessions, "cpu"
    if len(devices) > 1:  # possible with `auto` only
        return open_networks("cpu")

    def try_once() -> None:
        for session, side in zip(sessions, _SIDES.values(), strict=True):
            session.run(None, {_INPUT: np.zeros((1, side, side, 3), np.float32)})

    return (sessions, devices.pop()) if runs(device, try_once, first="picture") else open_networks("cpu")
