"""Shrink a picture or parts of it by area, with one summed-area table per picture."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.media.images import Rgb
from fercli.system.chunks import chunked

Indices = NDArray[np.int32]
_INT32_PIXELS = (2**31 - 1) // 255  # largest picture whose sum of one channel fits in int32
_ROWS = 32  # rows computed at once, so that they stay in a core's cache
_SCALE = np.float32(1 / 128)
_CENTRE = np.float32(127.5 / 128)


class AreaSums:
    """Means over rectangles of a picture uint8 [H, W, 3], exactly as PyTorch's `interpolate(mode="area")` computes them.

    Pixel i of n is the mean of the pixels from floor(i L / n) up to ceil((i + 1) L / n) of a side of L. Means are returned
    as the input of MTCNN's networks: (mean - 127.5) / 128.
    """

    def __init__(self, rgb: Rgb) -> None:
        self.height, self.width = rgb.shape[:2]
        depth = cv2.CV_32S if self.height * self.width <= _INT32_PIXELS else cv2.CV_64F
        self._sums = cv2.integral(rgb, sdepth=depth)  # [H + 1, W + 1, 3]

    def shrink(self, height: int, width: int, rows: slice = slice(None)) -> NDArray[np.float32]:
        """Return the whole picture at another size, or some rows of that: float32 [rows, width, 3]."""
        top, bottom = (ends[rows] for ends in _along(self.height, height))
        columns = _columns(self.width, width)
        weights, height_kinds = columns.weights(bottom - top)
        means = np.empty((len(top), width * 3), np.float32)
        for block in chunked(range(len(top)), _ROWS):
            part = slice(block.start, block.stop)
            sums = self._sums[top[part]]
            sums -= self._sums[bottom[part]]
            means[part] = columns.sums(sums).reshape(len(sums), -1)
            means[part] *= weights[height_kinds[part]]
            means[part] -= _CENTRE
        return means.reshape(len(top), width, 3)

    def crops(self, boxes: Indices, side: int) -> NDArray[np.float32]:
        """Return parts of the picture, all at one size.

        Args: boxes int32 [K, 4]: first column, first row, last column + 1, last row + 1, inside the picture, not empty.
        Returns: float32 [K, side, side, 3].
        """
        first_x, last_x = _windows(boxes[:, 0], boxes[:, 2], side)  # [K, side]
        first_y, last_y = _windows(boxes[:, 1], boxes[:, 3], side)
        corners = [_map(x, y) for y, x in ((first_y, first_x), (first_y, last_x), (last_y, first_x), (last_y, last_x))]
        top_left, top_right, bottom_left, bottom_right = (
            cv2.remap(self._sums, corner, None, cv2.INTER_NEAREST) for corner in corners
        )
        bottom_right -= bottom_left
        top_right -= top_left
        bottom_right -= top_right
        area = (last_x - first_x)[:, None, :] * (last_y - first_y)[:, :, None]
        means = bottom_right.astype(np.float32).reshape(len(boxes), side, side, 3)
        means *= _weight(area)[..., None]
        means -= _CENTRE
        return means


class _Columns:
    """The windows of a row of `length` pixels over which `size` means are computed.

    OpenCV's nearest-neighbour resize selects pixels of a row many times faster than NumPy's indexing. It selects the first
    pixel of nearly every window, and one pixel further the ends of the windows before. The other windows are computed by
    indexing.
    """

    def __init__(self, length: int, size: int) -> None:
        self._size = size
        self._first, self._last = _along(length, size)
        selected = self._nearest(np.arange(length, dtype=np.int32)[None])[0]
        self._widths = np.repeat(self._last - self._first, 3)
        self._others = np.flatnonzero((selected != self._first) | (np.append(selected[1:] + 1, length) != self._last))

    def sums(self, sums: NDArray[Any]) -> NDArray[Any]:
        """Turn negative running sums [h, length + 1, 3] into the sum of each window [h, size, 3]."""
        between = self._nearest(sums[:, :-1])
        between[:, :-1] -= self._nearest(sums[:, 1:])[:, 1:]
        between[:, -1] -= sums[:, -1]
        if len(self._others):
            between[:, self._others] = sums[:, self._first[self._others]] - sums[:, self._last[self._others]]
        return between

    def weights(self, heights: Indices) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Return the factors that turn sums over windows of these heights [h] into means.

        A row [3 size] for each distinct height, and the index of the row of each window.
        """
        distinct, inverse = np.unique(heights, return_inverse=True)
        return _weight(distinct[:, None] * self._widths), inverse

    def _nearest(self, rows: NDArray[Any]) -> NDArray[Any]:
        return cv2.resize(rows, (self._size, len(rows)), interpolation=cv2.INTER_NEAREST)


def _windows(start: Indices, end: Indices, size: int) -> tuple[Indices, Indices]:
    """First and last + 1 index of each of `size` windows between `start` and `end` [K]: two arrays [K, size]."""
    steps = np.arange(size, dtype=np.int64)
    length = (end - start).astype(np.int64)[:, None]
    first = start[:, None] + steps * length // size
    last = start[:, None] - (-(steps + 1) * length // size)
    return first.astype(np.int32), last.astype(np.int32)


def _map(x: Indices, y: Indices) -> NDArray[np.int16]:
    """Columns [K, w] and rows [K, h] of K crops stacked vertically as one integer map [K h, w, 2] for `cv2.remap`."""
    coordinates = np.empty((len(x), y.shape[1], x.shape[1], 2), np.int16)
    coordinates[..., 0] = x[:, None, :]
    coordinates[..., 1] = y[:, :, None]
    return coordinates.reshape(-1, x.shape[1], 2)


@lru_cache(maxsize=64)
def _columns(length: int, size: int) -> _Columns:
    return _Columns(length, size)


@lru_cache(maxsize=64)
def _along(length: int, size: int) -> tuple[Indices, Indices]:
    zero = np.zeros(1, np.int32)
    first, last = _windows(zero, zero + length, size)
    return first[0], last[0]


def _weight(area: NDArray[Any]) -> NDArray[np.float32]:
    """The factor that turns a sum over `area` pixels into a scaled mean; scaling by a power of two is exact."""
    return np.reciprocal(area, dtype=np.float32) * _SCALE
