"""Convert decoded frames to RGB as a player shows them: square pixels, upright, not mirrored."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAX_ASPECT = 8  # a more oblong pixel is a broken header


def display_rgb(picture: Any, aspect: Fraction | None) -> NDArray[np.uint8]:
    """Return the pixels of a decoded frame, RGB uint8 [H, W, 3].

    aspect: width of a pixel divided by its height, None if unknown. Frames are enlarged in one direction, never shrunk.
    The display matrix of the frame is applied to the nearest quarter turn, with its mirror.
    """
    width, height = square_size(picture.width, picture.height, aspect)
    has_alpha = picture.format.has_palette or any(part.is_alpha for part in picture.format.components)
    pixels = picture.reformat(width=width, height=height, format="rgba" if has_alpha else "rgb24").to_ndarray()
    if has_alpha:
        alpha = pixels[..., 3:].astype(np.uint16)
        pixels = ((pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)  # on white
    return _oriented(pixels, _matrix(picture))


def square_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Return width and height of a picture with square pixels that shows the same."""
    if not aspect or aspect <= 0 or not Fraction(1, _MAX_ASPECT) <= aspect <= _MAX_ASPECT:
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def _matrix(picture: Any) -> tuple[int, int, int, int] | None:
    """The 2x2 part (a, b, c, d) of a display matrix: x' = a x + c y, y' = b x + d y."""
    data = picture.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data))
    return a, b, c, d


def _oriented(rgb: NDArray[np.uint8], matrix: tuple[int, int, int, int] | None) -> NDArray[np.uint8]:
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
