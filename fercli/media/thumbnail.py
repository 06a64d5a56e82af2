"""A picture in, a small JPEG of it or of one face out, as bytes to keep or to inline."""

from __future__ import annotations

import cv2
import numpy as np

from fercli.errors import DataError
from fercli.media.images import Rgb
from fercli.results import Box

_AROUND = 0.2  # of the box's longer side, on each side
_QUALITY = 82


def face_jpeg(rgb: Rgb, box_xyxy: Box, *, side: int = 112) -> bytes:
    """A square around a face, JPEG of side x side; edge pixels repeat where it reaches out of the picture."""
    left, top, right, bottom = box_xyxy
    half = max(right - left, bottom - top, 2.0) * (0.5 + _AROUND)
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    scale = side / (2 * half)
    to_thumbnail = np.array([[scale, 0, side / 2 - middle_x * scale], [0, scale, side / 2 - middle_y * scale]])
    if scale < 0.5:  # average first: a warp alone would skip pixels
        x0, y0 = max(0, int(middle_x - half)), max(0, int(middle_y - half))
        part = rgb[y0 : max(y0 + 1, int(middle_y + half)), x0 : max(x0 + 1, int(middle_x + half))]
        return _jpeg(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA))
    return _jpeg(
        cv2.warpAffine(rgb, to_thumbnail, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def picture_jpeg(rgb: Rgb, *, longest: int = 360) -> bytes:
    """The whole picture, JPEG, its longer side at most `longest`."""
    scale = min(1.0, longest / max(rgb.shape[:2]))
    size_wh = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    return _jpeg(cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA))


def _jpeg(rgb: Rgb) -> bytes:
    done, content = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise DataError("OpenCV cannot write JPEG", fix="pip install opencv-python")
    return bytes(content)
