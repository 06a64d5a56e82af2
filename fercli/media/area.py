"""A picture in, any part of it shrunk by area out: through one table of sums, so that a mean costs four numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.media.images import Rgb

Indices = NDArray[np.int32]
_INT32_PIXELS = (2**31 - 1) // 255  # of a picture whose sum of one channel fits


class AreaSums:
    """Means over rectangles of a picture uint8 [H, W, 3], exactly as PyTorch's `interpolate(mode="area")` takes them.

    Pixel i of n is the mean of the pixels from floor(i L / n) up to ceil((i + 1) L / n) of a side of L.
    """

    def __init__(self, rgb: Rgb) -> None:
        self.height, self.width = rgb.shape[:2]
        depth = cv2.CV_32S if self.height * self.width <= _INT32_PIXELS else cv2.CV_64F
        self._sums = cv2.integral(rgb, sdepth=depth)  # [H + 1, W + 1, 3]

    def shrink(self, height: int, width: int, rows: slice = slice(None)) -> NDArray[np.float32]:
        """The whole picture at another size, or some rows of it: means float32 [rows, width, 3] in 0..255."""
        *corners, weight = _whole(self.height, self.width, height, width)
        return self._means(*(corner[rows] for corner in corners)) * weight[rows]

    def crops(self, boxes: Indices, side: int) -> NDArray[np.float32]:
        """Parts of the picture, each at one size.

        Args: boxes int32 [K, 4]: first column, first row, last column + 1, last row + 1, inside the picture, not empty.
        Returns: means float32 [K, side, side, 3] in 0..255.
        """
        first_x, last_x = _windows(boxes[:, 0], boxes[:, 2], side)  # [K, side]
        first_y, last_y = _windows(boxes[:, 1], boxes[:, 3], side)
        corners = [_map(x, y) for y, x in ((first_y, first_x), (first_y, last_x), (last_y, first_x), (last_y, last_x))]
        area = (last_x - first_x)[:, None, :] * (last_y - first_y)[:, :, None]
        means = self._means(*corners).reshape(len(boxes), side, side, 3)
        return means * np.reciprocal(area, dtype=np.float32)[..., None]

    def _means(self, *corners: NDArray[Any]) -> NDArray[np.float32]:
        """Sums between four corners given as OpenCV's integer maps [h, w, 2]."""
        top_left, top_right, bottom_left, bottom_right = (
            cv2.remap(self._sums, corner, None, cv2.INTER_NEAREST) for corner in corners
        )
        bottom_right -= bottom_left
        top_right -= top_left
        bottom_right -= top_right
        return bottom_right.astype(np.float32)


def _windows(start: Indices, end: Indices, size: int) -> tuple[Indices, Indices]:
    """First and last + 1 place of each of `size` windows between `start` and `end` [K]: two arrays [K, size]."""
    steps = np.arange(size, dtype=np.int64)
    length = (end - start).astype(np.int64)[:, None]
    first = start[:, None] + steps * length // size
    last = start[:, None] - (-(steps + 1) * length // size)
    return first.astype(np.int32), last.astype(np.int32)


def _map(x: Indices, y: Indices) -> NDArray[np.int16]:
    """Columns [K, w] and rows [K, h] of K pictures below each other as one integer map [K h, w, 2]."""
    places = np.empty((len(x), y.shape[1], x.shape[1], 2), np.int16)
    places[..., 0] = x[:, None, :]
    places[..., 1] = y[:, :, None]
    return places.reshape(-1, x.shape[1], 2)


@lru_cache(maxsize=12)
def _whole(height: int, width: int, to_height: int, to_width: int) -> tuple[NDArray[Any], ...]:
    """Maps of the four corners and the weight float32 [h, w, 1] of each window, for a whole picture."""
    zero = np.zeros(1, np.int32)
    first_x, last_x = _windows(zero, zero + width, to_width)
    first_y, last_y = _windows(zero, zero + height, to_height)
    maps = [_map(x, y) for y, x in ((first_y, first_x), (first_y, last_x), (last_y, first_x), (last_y, last_x))]
    area = (last_y - first_y)[0, :, None] * (last_x - first_x)[0, None, :]
    return (*maps, np.reciprocal(area, dtype=np.float32)[..., None])
