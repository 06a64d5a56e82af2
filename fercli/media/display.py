"""Convert decoded frames to RGB as a player shows them: square pixels, upright, not mirrored."""

from __future__ import annotations

import gc
import struct
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any

import av
import av.sidedata.sidedata
import numpy as np
from numpy.typing import NDArray

_MAX_ASPECT = 8  # a more oblong pixel is a broken header
_CORNER_PX = 16  # side of the corner that is copied
_UNIT_PX = 4096
_ASPECT_AS_WIDTH = f"trunc({_UNIT_PX}*clip(sar,{0.5 / _MAX_ASPECT},{2 * _MAX_ASPECT})+0.5)"
_MAX_DENOMINATOR = 255
_NEWER_TYPES = 16  # of side data, which FFmpeg has and PyAV does not

Matrix = tuple[int, int, int, int]  # a, b, c, d: x' = a x + c y, y' = b x + d y


@dataclass(frozen=True)
class Shape:
    """How a frame is shown. aspect: width of a pixel divided by its height. matrix: its display matrix, None without one."""

    aspect: Fraction | None
    matrix: Matrix | None


class FrameShapes:
    """The shapes of the frames of a video, which may change at key frames: what one states is valid until the next.

    PyAV does not give the aspect of a frame, and keeps a frame whose side data was read in memory until the next garbage
    collection. So a corner of the frame is copied by a filter: the copy has the side data, and its width shows the aspect.

    aspect: by the header, None if unknown. fixed: it is valid for all frames, whatever they state.
    """

    def __init__(self, aspect: Fraction | None, *, fixed: bool) -> None:
        self._aspect, self._fixed = aspect, fixed
        self._kind: object = None  # of the frame before
        self._corner: Any = None
        self._shape = Shape(aspect, None)

    def of(self, picture: Any) -> Shape:
        """Return the shape of the next frame."""
        kind = picture.width, picture.height, picture.format.name
        if kind != self._kind:
            self._kind, self._corner = kind, _corner_filter(picture)
        elif not picture.key_frame:
            return self._shape
        self._corner.push(picture)
        corner = self._corner.pull()
        self._shape = Shape(self._aspect_of(corner), _matrix_of(corner))
        del corner
        gc.collect(0)  # frees the copy: otherwise thousands of them wait for a search of everything
        return self._shape

    def _aspect_of(self, corner: Any) -> Fraction | None:
        known = float(self._aspect or 1) * _UNIT_PX
        if self._fixed or abs(corner.width - known) <= 1:
            return self._aspect
        return Fraction(corner.width, _UNIT_PX).limit_denominator(_MAX_DENOMINATOR)


def _corner_filter(picture: Any) -> Any:
    """A filter that turns a frame into one with a width of `_UNIT_PX` times its aspect, and no side data but its matrix.

    PyAV 18 refuses side data of types that are newer than it, such as EXIF, and frees the description of a colour profile
    twice, which ends the process.
    """
    known = av.sidedata.sidedata.Type
    newest = max(kind.value for kind in known)
    removed = {*range(newest + 1 + _NEWER_TYPES)} - {known.DISPLAYMATRIX.value}
    graph = av.filter.Graph()
    graph.threads = 1
    steps = [
        graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 1000)
        ),
        graph.add("crop", w=str(min(_CORNER_PX, picture.width)), h=str(min(_CORNER_PX, picture.height)), x="0", y="0"),
        graph.add("scale", w=_ASPECT_AS_WIDTH, h=str(_CORNER_PX), eval="frame", flags="neighbor"),
        *(graph.add("sidedata", mode="delete", type=str(kind)) for kind in sorted(removed)),
        graph.add("buffersink"),
    ]
    for step, following in pairwise(steps):
        step.link_to(following)
    graph.configure()
    return graph


def _matrix_of(picture: Any) -> Matrix | None:
    data = picture.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data))
    return a, b, c, d


def display_rgb(picture: Any, shape: Shape) -> NDArray[np.uint8]:
    """Return the pixels of a decoded frame, RGB uint8 [H, W, 3].

    Frames are enlarged in one direction, never shrunk. The matrix is applied to the nearest quarter turn, with its mirror.
    """
    width, height = square_size(picture.width, picture.height, shape.aspect)
    has_alpha = _has_alpha(picture.format.name)
    pixels = picture.reformat(width=width, height=height, format="rgba" if has_alpha else "rgb24").to_ndarray()
    if has_alpha:
        alpha = pixels[..., 3:].astype(np.uint16)
        pixels = ((pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)  # on white
    return _oriented(pixels, shape.matrix)


@lru_cache(maxsize=64)
def _has_alpha(pixel_format: str) -> bool:
    described = av.VideoFormat(pixel_format)
    return bool(described.has_palette or any(part.is_alpha for part in described.components))


def square_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Return width and height of a picture with square pixels that shows the same."""
    if not aspect or aspect <= 0 or not Fraction(1, _MAX_ASPECT) <= aspect <= _MAX_ASPECT:
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def _oriented(rgb: NDArray[np.uint8], matrix: Matrix | None) -> NDArray[np.uint8]:
    if matrix is None:
        return rgb
    a, b, c, d = matrix
    turned = abs(b) + abs(c) > abs(a) + abs(d)
    if turned:
        rgb = rgb.transpose(1, 0, 2)
    to_right, to_bottom = (c, b) if turned else (a, d)
    if to_right < 0:
        rgb = rgb[:, ::-1]
    if to_bottom < 0:
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)
