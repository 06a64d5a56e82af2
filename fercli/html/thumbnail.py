"""Small JPEGs of pictures and faces, as bytes for pages."""

from __future__ import annotations

import cv2
import numpy as np

from fercli.errors import DataError
from fercli.media.images import Rgb
from fercli.results import Box

_AROUND = 0.2  # of the box's longer side, on each side
_QUALITY = 82


def face_jpeg(rgb: Rgb, box_xyxy: Box, *, side: int = 112) -> bytes:
    """Return a square around a face as JPEG of side x side pixels; edge pixels repeat outside the picture."""
    left, top, right, bottom = box_xyxy
    length = max(right - left, bottom - top, 2.0) * (1 + 2 * _AROUND)
    cut_x, inside_x, before_x = _cut((left + right - length) / 2, length, rgb.shape[1], side)
    cut_y, inside_y, before_y = _cut((top + bottom - length) / 2, length, rgb.shape[0], side)
    part = rgb[slice(*cut_y), slice(*cut_x)]
    interpolation = cv2.INTER_AREA if length > side else cv2.INTER_LINEAR
    small = cv2.resize(part, (inside_x, inside_y), interpolation=interpolation)
    after_x, after_y = side - before_x - inside_x, side - before_y - inside_y
    return _jpeg(cv2.copyMakeBorder(small, before_y, after_y, before_x, after_x, cv2.BORDER_REPLICATE))


def _cut(start: float, length: float, available: int, side: int) -> tuple[tuple[int, int], int, int]:
    """Along one axis: the pixels inside the picture, their length in the result, and the padding before them."""
    first = min(max(0, round(start)), available - 1)
    last = max(first + 1, min(available, round(start + length)))
    before = min(max(0, round((first - start) / length * side)), side - 1)
    return (first, last), min(max(1, round((last - first) / length * side)), side - before), before


def picture_jpeg(rgb: Rgb, *, longest: int = 360) -> bytes:
    """Return the whole picture as JPEG, its longer side at most `longest` pixels."""
    scale = min(1.0, longest / max(rgb.shape[:2]))
    size_wh = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    return _jpeg(cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA))


def smaller_jpeg(content: bytes, *, longest: int) -> bytes:
    """Return a JPEG with its longer side at most `longest` pixels."""
    bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise DataError("a picture of a report cannot be read", fix="write the report again")
    return picture_jpeg(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), longest=longest)


def crop_jpeg(rgb: Rgb) -> bytes:
    """Return a face crop as JPEG of the same size."""
    return _jpeg(rgb)


def _jpeg(rgb: Rgb) -> bytes:
    done, content = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise DataError("OpenCV cannot write JPEG", fix="pip install opencv-python")
    return bytes(content)
