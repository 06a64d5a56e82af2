"""A face crop's file in, RGB pixels at the network's size out: the one way training and evaluation read crops."""

from __future__ import annotations

from pathlib import Path

import cv2

from fercli.media.images import Rgb, read_rgb


def load_crop(path: Path, size: int) -> Rgb:
    """Read a crop as uint8 [size, size, 3]: by area when it shrinks (no aliasing), bilinear when it grows.

    A crop that is not square is stretched, as the paper's resizing does. Errors: DataError from `read_rgb`.
    """
    rgb = read_rgb(path)
    height, width = rgb.shape[:2]
    if (height, width) == (size, size):
        return rgb
    shrinks = height * width > size * size
    return cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
