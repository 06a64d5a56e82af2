"""Convert pixel values of more than 8 bits to 8 bits, whatever part of their range a picture uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_INTEGER_WHITE = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16, 24, 31, 32, 63, 64))
_SIGNED_WHITE = {1: (2**7 - 1,), 2: (*_INTEGER_WHITE[:4], 2**15 - 1)}  # by the bytes of a type with a sign
_FLOAT_WHITE = (1.0, *(float(white) for white in _INTEGER_WHITE))
_SHARE = 99.9  # percentile of integers that decides: a few bright pixels are sensor faults
_MARKED = 0.02  # largest share of pixels at the maximum of the type that are marks in a picture of fewer bits
_FLOAT_SHARE = 95  # of the positive floats: highlights may be brighter than white
_FLOAT_MARGIN = 2.0
_SAMPLE = 1 << 22  # values; of larger pictures only some rows decide
_STRIP = 1 << 22  # values that are converted together


class DisplayRange(NamedTuple):
    """The values that are shown as black and as white."""

    black: float
    white: float


def to_eight_bits(values: NDArray[np.generic], levels: DisplayRange | None = None) -> NDArray[np.uint8]:
    """Scale integers or floats of any shape to 0..255. levels: default: those of `levels_of`.

    NaN is black, infinite values are white.
    """
    if values.dtype == np.uint8:
        return values.astype(np.uint8)
    black, white = levels or display_range(values)
    bytes_ = np.empty(values.shape, np.uint8)
    rows = max(1, _STRIP // max(1, values.size // max(1, len(values))))
    for top in range(0, len(values), rows):
        numbers = np.nan_to_num(values[top : top + rows].astype(np.float64), nan=black, posinf=white, neginf=black)
        bytes_[top : top + rows] = ((numbers - black) * (255 / (white - black))).round().clip(0, 255)
    return bytes_


def display_range(values: NDArray[np.generic], maximum: int | None = None) -> DisplayRange:
    """Return black and white of integers or floats, whatever part of the range of their type is used.

    White is the smallest usual maximum that the values fit in: 255 and those of 10, 12, 14, 16 (15 with a sign), 24, 31, 32,
    63 and 64 bits, for floats also 1. Black is 0; with a sign, minus white if values go down that far.
    maximum: by the file; it is white if it is a usual one and the values fit in.
    """
    sample = values[:: max(1, values.size // _SAMPLE)].astype(np.float64)
    finite = sample[np.isfinite(sample)]
    if np.issubdtype(values.dtype, np.floating):
        positive = finite[finite > 0]
        level = float(np.percentile(positive, _FLOAT_SHARE)) / _FLOAT_MARGIN if positive.size else 0.0
        return DisplayRange(0.0, _smallest(_FLOAT_WHITE, level))
    whole = _without_marks(finite, float(np.iinfo(values.dtype).max))  # type: ignore[type-var]
    lowest, level = np.percentile(whole, (100 - _SHARE, _SHARE)).tolist() if whole.size else (0.0, 0.0)
    is_signed = np.issubdtype(values.dtype, np.signedinteger)
    whites = _SIGNED_WHITE.get(values.dtype.itemsize, _INTEGER_WHITE) if is_signed else _INTEGER_WHITE
    if maximum is not None and maximum in whites and maximum >= level:
        whites = (maximum,)
    white = _smallest(whites, max(level, -lowest))
    return DisplayRange(-white - 1 if lowest < -white / 2 else 0.0, white)


def _smallest(whites: Sequence[float], level: float) -> float:
    return float(next((white for white in whites if white >= level), whites[-1]))


def _without_marks(values: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """Leave out values at the maximum of the type if they are few, such as a scale bar that was drawn into a picture."""
    is_most = values == most
    return values[~is_most] if 0 < is_most.mean(dtype=float) < _MARKED else values


def read_deep_png(content: bytes) -> NDArray[np.uint8] | None:
    """Read a PNG of 16 bits a channel, which Pillow cuts to 8; None for any other file.

    Returns RGB uint8 [H, W, 3] as stored, without its orientation; transparency is blended on white.
    """
    import cv2

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
    levels = display_range(stored[..., :3])
    rgb = to_eight_bits(stored[..., 2::-1], levels)
    if stored.shape[2] == 4:
        blend_on_white(rgb, stored[..., 3:], levels.white)
    return np.ascontiguousarray(rgb)


def blend_on_white(
    rgb: NDArray[np.uint8], alpha: NDArray[np.generic], white: float, *, multiplied: bool = False
) -> None:
    """Blend RGB uint8 [H, W, 3] on white, in place, by its opacity [H, W, 1] of any type.

    white: of the colours. Opacity uses as many bits, or all of its type. multiplied: colours are multiplied with it already.
    """
    if np.issubdtype(alpha.dtype, np.floating):
        opaque = 1.0 if float(np.nanmax(alpha, initial=0)) <= 1 else white
    else:
        whole = float(np.iinfo(alpha.dtype).max)  # type: ignore[type-var]
        opaque = whole if float(alpha.max(initial=0)) > white else white
    rows = max(1, _STRIP // (3 * rgb.shape[1]))
    for top in range(0, len(rgb), rows):
        share = np.nan_to_num(alpha[top : top + rows].astype(np.float64) / opaque).clip(0, 1)
        colours = rgb[top : top + rows] * (1.0 if multiplied else share)
        rgb[top : top + rows] = (colours + 255 * (1 - share)).round().clip(0, 255)
