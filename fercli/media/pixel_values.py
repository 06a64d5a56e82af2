"""Convert pixel values of more than 8 bits to 8 bits, whatever part of their range a picture uses."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_INTEGER_WHITE = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16, 24, 31, 32, 63, 64))
_SIGNED_WHITE = (*_INTEGER_WHITE[:4], 2**15 - 1)  # of 16 bits with a sign
_FLOAT_WHITE = (1.0, *(float(white) for white in _INTEGER_WHITE))
_SHARE = 99.9  # percentile of integers that decides: a few bright pixels are sensor faults
_FLOAT_SHARE = 95  # of the positive floats: highlights may be brighter than white
_FLOAT_MARGIN = 2.0
_SAMPLE = 1 << 24  # values; of larger pictures only some rows decide
_STRIP = 1 << 22  # values that are converted together


def to_eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale integers or floats of any shape to 0..255.

    White is the smallest usual maximum that the values fit in: 255 and those of 10, 12, 14, 16 (15 with a sign), 24, 31, 32,
    63 and 64 bits, for floats also 1. NaN and negative values are black, infinite ones white.
    """
    if values.dtype == np.uint8:
        return values.astype(np.uint8)
    return _scaled(values, _white_of(values))


def _white_of(values: NDArray[np.generic]) -> float:
    sample = values[:: max(1, values.size // _SAMPLE)].astype(np.float64)
    finite = sample[np.isfinite(sample)]
    if np.issubdtype(values.dtype, np.floating):
        positive = finite[finite > 0]
        level = float(np.percentile(positive, _FLOAT_SHARE)) / _FLOAT_MARGIN if positive.size else 0.0
        whites: tuple[float, ...] = _FLOAT_WHITE
    else:
        level = float(np.percentile(finite, _SHARE)) if finite.size else 0.0
        whites = _SIGNED_WHITE if values.dtype == np.int16 else _INTEGER_WHITE
    return next((white for white in whites if white >= level), whites[-1])


def _scaled(values: NDArray[np.generic], white: float) -> NDArray[np.uint8]:
    bytes_ = np.empty(values.shape, np.uint8)
    rows = max(1, _STRIP // max(1, values.size // max(1, len(values))))
    for top in range(0, len(values), rows):
        numbers = np.nan_to_num(values[top : top + rows].astype(np.float64), nan=0.0, posinf=white, neginf=0.0)
        bytes_[top : top + rows] = (numbers * (255 / white)).round().clip(0, 255)
    return bytes_


def read_deep_rgb(file: Path | io.BytesIO) -> NDArray[np.uint8] | None:
    """Read a PNG or TIFF of more than 8 bits a channel, which Pillow cuts to 8 or refuses; None for any other file.

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
    if stored is None or stored.dtype == np.uint8:
        return None
    if stored.ndim == 2:
        return np.repeat(to_eight_bits(stored)[..., None], 3, axis=2)
    if stored.shape[2] not in (3, 4):
        return None
    white = _white_of(stored[..., :3])
    rgb = _scaled(stored[..., 2::-1], white)
    if stored.shape[2] == 4:
        _blend_on_white(rgb, stored[..., 3:], white)
    return np.ascontiguousarray(rgb)


def _blend_on_white(rgb: NDArray[np.uint8], alpha: NDArray[np.generic], white: float) -> None:
    """Blend RGB uint8 [H, W, 3] on white, in place, by its opacity [H, W, 1] of any type.

    white: of the colours. Opacity uses as many bits, or all of its type.
    """
    if np.issubdtype(alpha.dtype, np.floating):
        opaque = 1.0
    else:
        whole = float(np.iinfo(alpha.dtype).max)  # type: ignore[type-var]
        opaque = whole if float(alpha.max(initial=0)) > white else white
    rows = max(1, _STRIP // (3 * rgb.shape[1]))
    for top in range(0, len(rgb), rows):
        share = np.nan_to_num(alpha[top : top + rows].astype(np.float64) / opaque).clip(0, 1)
        rgb[top : top + rows] = (rgb[top : top + rows] * share + 255 * (1 - share)).round()
