"""Choose the canvases on which YuNet searches a picture, and draw them.

YuNet finds faces of about 12 to 300 pixels of its input. So a picture is resized until the smallest face to detect is that
large, and searched again at a small size for large faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from fercli.faces.boxes import Detections
from fercli.faces.yunet_network import SIDE_MULTIPLE
from fercli.media.images import Rgb

SMALL_PICTURE = 192  # px: a smaller picture is enlarged to this, with a black border around it

_COARSE = 320  # px: longer side of the canvas that shows the largest faces
_SIDES = (_COARSE, 480, 640)  # px: longer sides of canvases; above, multiples of 32
_FACE_PX = 12  # side of the smallest face in pixels of the network's input: smaller ones are found with lower scores
_FINE_MAX_PX = 256  # larger faces are taken from the coarse canvas
_COARSE_MIN_PX = 16  # smaller faces are taken from the fine canvas
_FIXED_SIDES = (_COARSE, 480, 640, 800, 960, 1280, 1600)  # longer sides of fixed canvases; above, steps of 320
_FIXED_ASPECTS = (9 / 16, 2 / 3, 3 / 4, 1.0)  # shorter to longer side of fixed canvases


@dataclass(frozen=True)
class View:
    """How a picture is placed on a canvas, whose sides are multiples of 32.

    Canvas coordinates = picture coordinates * scale_xy + offset_xy. min_px, max_px: longer sides, in pixels of the canvas,
    of the faces that are taken from this view.
    """

    shape: tuple[int, int]  # height, width
    size_wh: tuple[int, int]  # of the picture on the canvas
    offset_xy: tuple[int, int]
    scale_xy: tuple[float, float]
    min_px: float
    max_px: float

    def on_fixed_canvas(self) -> View:
        """Return this view on a canvas of one of a few shapes, for devices that build a plan for every shape.

        The picture is shifted by whole cells of the network's maps, so that its detections stay the same.
        """
        shape = _fixed_shape(*self.shape)
        left, top = (
            offset + (new - old) // (2 * SIDE_MULTIPLE) * SIDE_MULTIPLE
            for offset, new, old in zip(self.offset_xy, shape[::-1], self.shape[::-1], strict=True)
        )
        return replace(self, shape=shape, offset_xy=(left, top))

    def to_picture(self, detections: Detections) -> Detections:
        """Select the detections of this view's face sizes, and map them to picture coordinates."""
        sides = (detections.boxes[:, 2:] - detections.boxes[:, :2]).max(axis=1, initial=0)
        kept = (sides >= self.min_px) & (sides <= self.max_px)
        offset, scale = np.array(self.offset_xy, np.float32), np.array(self.scale_xy, np.float32)
        boxes = (detections.boxes[kept].reshape(-1, 2, 2) - offset) / scale
        landmarks = (detections.landmarks[kept] - offset) / scale
        return Detections(boxes.reshape(-1, 4), detections.scores[kept], landmarks)


def views_of(height: int, width: int, min_face_px: float, max_side: int) -> list[View]:
    """Choose the canvases for a picture: a fine one for faces down to `min_face_px`, and a coarse one for large faces.

    A picture under SMALL_PICTURE is enlarged to that size, in the middle of one canvas.
    """
    longest = max(height, width)
    if longest < SMALL_PICTURE:
        return [_view(height, width, SMALL_PICTURE, faces_px=(0, np.inf), shape=(_COARSE, _COARSE))]
    needed = min(longest * _FACE_PX / min_face_px, 2 * longest)
    fine = next((side for side in _SIDES if side >= needed), _multiple(needed))
    fine = max(_COARSE, min(fine, max_side))
    if fine == _COARSE:
        return [_view(height, width, _COARSE, faces_px=(0, np.inf))]
    return [
        _view(height, width, fine, faces_px=(0, _FINE_MAX_PX)),
        _view(height, width, _COARSE, faces_px=(_COARSE_MIN_PX, np.inf)),
    ]


def render_views(rgb: Rgb, views: Sequence[View]) -> list[Rgb]:
    """Draw a picture [H, W, 3] on the black canvas of each of its views, finest first.

    A view is resized from the finer one before it, which is faster and as exact: area interpolation is a mean.
    """
    canvases, source = [], rgb
    for view in views:
        shrinks = view.size_wh[0] < source.shape[1]
        source = cv2.resize(source, view.size_wh, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        canvases.append(_centred(source, view))
    return canvases


def _centred(resized: Rgb, view: View) -> Rgb:
    if resized.shape[:2] == view.shape:
        return resized
    canvas = np.zeros((*view.shape, 3), np.uint8)
    (left, top), (width, height) = view.offset_xy, view.size_wh
    canvas[top : top + height, left : left + width] = resized
    return canvas


def _view(
    height: int, width: int, longest: int, *, faces_px: tuple[float, float], shape: tuple[int, int] | None = None
) -> View:
    """The picture with that longer side in the middle of a canvas; shape: default: the smallest one."""
    scale = longest / max(height, width)
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    shape = shape or (_multiple(size_wh[1]), _multiple(size_wh[0]))
    offset_xy = (shape[1] - size_wh[0]) // 2, (shape[0] - size_wh[1]) // 2
    return View(shape, size_wh, offset_xy, (size_wh[0] / width, size_wh[1] / height), *faces_px)


def _multiple(side: float) -> int:
    """The smallest multiple of SIDE_MULTIPLE that is not below `side`."""
    return -int(-side // SIDE_MULTIPLE) * SIDE_MULTIPLE


def _fixed_shape(height: int, width: int) -> tuple[int, int]:
    """Height and width of the smallest fixed canvas that this one fits on."""
    longest, shortest = max(height, width), min(height, width)
    steps = range(_FIXED_SIDES[-1] + _COARSE, longest + _COARSE, _COARSE)
    long = next(side for side in (*_FIXED_SIDES, *steps) if side >= longest)
    short = next(side for aspect in _FIXED_ASPECTS if (side := _multiple(round(long * aspect))) >= shortest)
    return (long, short) if height > width else (short, long)
