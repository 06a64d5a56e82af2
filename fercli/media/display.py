"""Convert decoded frames to RGB as a player shows them: square pixels, upright, not mirrored."""

from __future__ import annotations

import struct
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

_MAX_ASPECT = 8  # a more oblong pixel is a broken header
_READ_AGAIN = 100  # frames


Matrix = tuple[int, int, int, int]


class DisplayMatrix:
    """The display matrix of the frames of a video, as the 2x2 part (a, b, c, d): x' = a x + c y, y' = b x + d y.

    PyAV keeps a frame whose side data was read in memory until the next garbage collection. So the matrix is read when the
    rotation of the frames changes, and at a key frame once in a while.
    """

    def __init__(self) -> None:
        self._matrix: Matrix | None = None
        self._rotation: float | None = None
        self._frames = 0  # since it was read

    def of(self, picture: Any) -> Matrix | None:
        """Return the matrix of the next frame; None without one."""
        self._frames += 1
        if picture.rotation != self._rotation or (picture.key_frame and self._frames >= _READ_AGAIN):
            self._rotation, self._frames = picture.rotation, 0
            data = picture.side_data.get("DISPLAYMATRIX")
            if data is None:
                self._matrix = None
            else:
                a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data))
                self._matrix = a, b, c, d
        return self._matrix


def display_rgb(picture: Any, aspect: Fraction | None, matrix: Matrix | None) -> NDArray[np.uint8]:
    """Return the pixels of a decoded frame, RGB uint8 [H, W, 3].

    aspect: width of a pixel divided by its height, None if unknown. Frames are enlarged in one direction, never shrunk.
    matrix: the display matrix; it is applied to the nearest quarter turn, with its mirror.
    """
    width, height = square_size(picture.width, picture.height, aspect)
    has_alpha = _has_alpha(picture.format.name)
    pixels = picture.reformat(width=width, height=height, format="rgba" if has_alpha else "rgb24").to_ndarray()
    if has_alpha:
        alpha = pixels[..., 3:].astype(np.uint16)
        pixels = ((pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)  # on white
    return _oriented(pixels, matrix)


@lru_cache(maxsize=64)
def _has_alpha(pixel_format: str) -> bool:
    described = av.VideoFormat(pixel_format)
    return bool(described.has_palette or any(part.is_alpha for part in described.components))


def square_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Return width and height of a picture with square pixels that shows the same."""
    if not aspect or aspect <= 0 or not Fraction(1, _MAX_ASPECT) <= aspect <= _MAX_ASPECT:
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def _oriented(rgb: NDArray[np.uint8], matrix: Matrix | None) -> NDArray[np.uint8]:
    if matrix is None:
        return rgb
    a, b, c, d = matrix
    turned = abs(b) + abs(c) > abs(a) + abs(d)
    if turned:
        rgb = rgb.transpose(1, 0, 2)
    to_right, to_bottom = (c, b) if turned else (a, d)
    if to_right < 0:
        rgb = rgb[:, ::-1]
    if to_bottom < 0:
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)
