"""Read JPEG files that lack only their end marker."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, JpegImagePlugin

from fercli.media.jpeg import has_all_scans

_FILLING = 4096  # bytes; more than those of any 16 x 16 pixels


def without_end_marker(content: bytes, size_wh: tuple[int, int]) -> Image.Image | None:
    """Decode a JPEG without its last bytes; None if pixels, or scans that refine them, are missing.

    size_wh: at which it is decoded; large ones are read at a fraction of their size.
    Two different fillings are appended to the data. Pixels that are missing would be decoded from them, and differ.
    """
    content = content.rstrip(b"\xff")
    if not has_all_scans(content):
        return None
    one, other = (
        JpegImagePlugin.JpegImageFile(io.BytesIO(content + filling * _FILLING + b"\xff\xd9"))
        for filling in (b"\x00", b"\x55")
    )
    for picture in (one, other):
        picture.draft(None, size_wh)
    return one if np.array_equal(np.asarray(one), np.asarray(other)) else None
