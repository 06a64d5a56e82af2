"""Convert pixel values of more than 8 bits to 8 bits, whatever part of their range a picture uses."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_INTEGER_WHITE = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16, 24, 31, 32))
_FLOAT_WHITE = (1.0, *(float(white) for white in _INTEGER_WHITE))
_SHARE = 99.9  # percentile of integers that decides: a few bright pixels are sensor faults
_FLOAT_SHARE = 95  # of the positive floats: highlights may be brighter than white
_FLOAT_MARGIN = 2.0


def to_eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale integers or floats of any shape to 0..255.

    White is the smallest usual maximum that the values fit in: 255 and those of 10, 12, 14, 16, 24, 31 and 32 bits, for
    floats also 1. NaN and negative values are black, infinite ones white.
    """
    if values.dtype == np.uint8:
        return values.astype(np.uint8)
    numbers = values.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    if np.issubdtype(values.dtype, np.floating):
        positive = finite[finite > 0]
        level = float(np.percentile(positive, _FLOAT_SHARE)) / _FLOAT_MARGIN if positive.size else 0.0
        whites: tuple[float, ...] = _FLOAT_WHITE
    else:
        level = float(np.percentile(finite, _SHARE)) if finite.size else 0.0
        whites = _INTEGER_WHITE
    white = next((white for white in whites if white >= level), whites[-1])
    numbers = np.nan_to_num(numbers, nan=0.0, posinf=white, neginf=0.0)
    return (numbers * (255 / white)).round().clip(0, 255).astype(np.uint8)


def read_deep_rgb(file: Path | io.BytesIO) -> NDArray[np.uint8] | None:
    """Read a colour PNG or TIFF of 16 or more bits a channel, which Pillow cuts to 8 or refuses; None for any other file.

    Returns RGB uint8 [H, W, 3] as stored, without its orientation; transparency is blended on white.
    """
    import cv2

    content = file.read_bytes() if isinstance(file, Path) else file.getvalue()
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # the error is reported by the caller
    try:
        stored = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if stored is None or stored.dtype == np.uint8 or stored.ndim != 3 or stored.shape[2] not in (3, 4):
        return None
    rgb = to_eight_bits(stored[..., 2::-1])
    if stored.shape[2] == 4:
        opaque = 1.0 if np.issubdtype(stored.dtype, np.floating) else float(np.iinfo(stored.dtype).max)
        alpha = np.nan_to_num(stored[..., 3:].astype(np.float64) / opaque).clip(0, 1)
        rgb = (rgb * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    return np.ascontiguousarray(rgb)
