"""Convert decoded pictures to RGB arrays, upright, in strips, so that large ones need little memory beside their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fercli.media.pixel_values import to_eight_bits

Rgb = NDArray[np.uint8]  # [H, W, 3]

_STRIP_PIXELS = 1 << 22
_TURNS: dict[int, Callable[[Rgb], Rgb]] = {
    2: lambda rgb: rgb[:, ::-1],
    3: lambda rgb: rgb[::-1, ::-1],
    4: lambda rgb: rgb[::-1],
    5: lambda rgb: rgb.transpose(1, 0, 2),
    6: lambda rgb: np.rot90(rgb, -1),
    7: lambda rgb: rgb[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90,
}
ORIENTATIONS = frozenset(_TURNS)  # of EXIF, other than upright


def turned(rgb: Rgb, orientation: int) -> Rgb:
    """Return pixels [H, W, 3] upright, by their EXIF orientation (1 to 8)."""
    turn = _TURNS.get(orientation)
    return rgb if turn is None else np.ascontiguousarray(turn(rgb))


def to_rgb(picture: Image.Image) -> Rgb:
    """Return the pixels of a loaded picture as stored, RGB uint8 [H, W, 3]; transparency is blended on white."""
    if picture.mode.startswith(("I", "F")):
        return np.repeat(to_eight_bits(np.asarray(picture))[..., None], 3, axis=2)
    width, height = picture.size
    rgb = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // max(1, width))
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(height, top + rows)))
        if picture.has_transparency_data:
            strip = strip.convert("RGBA")
            strip = Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip)
        rgb[top : top + rows] = np.asarray(strip.convert("RGB"))
    return rgb
