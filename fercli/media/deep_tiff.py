"""Read TIFF files of more than 8 bits a sample, or with a sign, as RGB uint8."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.errors import DataError
from fercli.media.picture_files import BROKEN, LIMIT_VARIABLE, check_tiff, content_of, head_of, pixel_limit
from fercli.media.pixel_values import blend_on_white, display_range, to_eight_bits
from fercli.media.rgb_pixels import Rgb, turned
from fercli.media.tiff import ASSOCIATED, BLACK_IS_ZERO, RGB, UNASSOCIATED, WHITE_IS_ZERO, Layout, is_tiff, layout_of

_BYTES = 4  # for each pixel of the limit, of samples that are read with all their bits


def read_deep_tiff(file: Path | io.BytesIO, notes: list[str]) -> Rgb | None:
    """Read the first picture of a TIFF upright, transparency blended on white; None for other files, and for plain bytes.

    notes: gets a sentence if the file has more pages. Raises: DataError over the limit of pixels, OSError or an
    error of Pillow for missing and broken pixels.
    """
    if not is_tiff(head_of(file, 4)):
        return None
    check_tiff(file)
    try:
        layout = layout_of(content_of(file))
        colours = {RGB: 3, BLACK_IS_ZERO: 1, WHITE_IS_ZERO: 1}.get(layout.photometric, 0)
        if layout.is_plain or not 0 < colours <= layout.samples:
            return None
    except (OSError, *BROKEN):  # Pillow may know better
        return None
    limit = _BYTES * pixel_limit()
    if layout.decoded_bytes > limit:
        if layout.dtype == np.uint16:
            return None  # Pillow reads the upper 8 bits
        raise DataError(
            f"a TIFF of {layout.decoded_bytes / 1e6:,.0f} MB when it is decoded, more than the limit of {limit / 1e6:,.0f} MB "
            "for its kind",
            fix=f"shrink it, or set {LIMIT_VARIABLE}",
        )
    values = layout.values()
    if values is None:
        return None
    if layout.pages > 1:
        notes.append(f"the first of {layout.pages} pages is read")
    return turned(_rgb(layout, values, colours), layout.orientation)


def _rgb(layout: Layout, values: NDArray[np.generic], colours: int) -> Rgb:
    levels = display_range(values[..., :colours], layout.maximum)
    rgb = to_eight_bits(values[..., :colours], levels)
    if layout.photometric == WHITE_IS_ZERO:
        rgb = 255 - rgb
    rgb = np.repeat(rgb, 3, axis=2) if colours == 1 else rgb
    # a fourth sample without a meaning is opacity, as for Pillow
    extra = layout.extra or (UNASSOCIATED,) * (layout.samples - colours)
    for kind, sample in zip(extra, range(colours, layout.samples), strict=False):
        if kind in (ASSOCIATED, UNASSOCIATED):
            blend_on_white(rgb, values[..., sample, None], levels.white, multiplied=kind == ASSOCIATED)
            break
    return rgb
