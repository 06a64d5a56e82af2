"""Read JPEG files that lack only their end marker."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, JpegImagePlugin

_FILLING = 4096  # bytes; more than those of any 16 x 16 pixels
_SCAN, _PROGRESSIVE = 0xDA, 0xC2
_WITHOUT_SIZE = (0x01, *range(0xD0, 0xD9))  # markers


def without_end_marker(content: bytes, size_wh: tuple[int, int]) -> Image.Image | None:
    """Decode a JPEG without its last bytes; None if pixels, or scans that refine them, are missing.

    size_wh: at which it is decoded; large ones are read at a fraction of their size.
    Two different fillings are put behind the data. Pixels that are missing would be decoded from them, and differ.
    """
    content = content.rstrip(b"\xff")
    if not _has_all_scans(content):
        return None
    one, other = (
        JpegImagePlugin.JpegImageFile(io.BytesIO(content + filling * _FILLING + b"\xff\xd9"))
        for filling in (b"\x00", b"\x55")
    )
    for picture in (one, other):
        picture.draft(None, size_wh)
    return one if np.array_equal(np.asarray(one), np.asarray(other)) else None


def _has_all_scans(content: bytes) -> bool:
    """Whether all bits of all coefficients of a progressive JPEG have begun; true for other JPEGs.

    Scans and their parameters are those of ITU-T T.81, B.2.3 and G.1.1.1.
    """
    position, missing, progressive = 2, {}, False
    while 0 <= position < len(content) - 4:
        marker = content[position + 1]
        if content[position] != 0xFF or marker in (0xFF, 0x00, *_WITHOUT_SIZE):
            position = content.find(b"\xff", position + 1)  # of the data of a scan, or filling
            continue
        size = int.from_bytes(content[position + 2 : position + 4], "big")
        segment = content[position + 4 : position + 2 + size]
        if marker == _PROGRESSIVE:
            progressive = True
            missing = {segment[6 + 3 * part]: [1] * 64 for part in range(segment[5])}
        elif marker == _SCAN and progressive:
            count = segment[0]
            first, last, bits = segment[1 + 2 * count], segment[2 + 2 * count], segment[3 + 2 * count] & 15
            for part in range(count):
                coefficients = missing.get(segment[1 + 2 * part], [])
                coefficients[first : last + 1] = [bits] * (last + 1 - first)
        position += 2 + size
    return not any(any(coefficients) for coefficients in missing.values())
