"""A picture and five landmarks in, the aligned face crop and the transform that made it out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from fercli.config.templates import CropTemplate
from fercli.faces.geometry import Matrix, apply, centred_fit, invert, similarity_transform
from fercli.media.images import Rgb
from fercli.results import Box

_HALF = np.array([0.5, 0.5])


def crop_face(
    rgb: Rgb, landmarks: ArrayLike, template: CropTemplate, size: int, *, margin: float = 0.0
) -> tuple[Rgb, Matrix]:
    """Turn, scale and move a face so that its five landmarks [5, 2] lie where the template wants them.

    Returns the crop uint8 [size, size, 3] and the transform float64 [2, 3] from picture to crop coordinates.
    """
    matrix = similarity_transform(landmarks, template.points_px(size, margin=margin))
    return warp(rgb, matrix, size), matrix


def crop_whole(rgb: Rgb, size: int) -> tuple[Rgb, Matrix]:
    """Show the whole picture, centred and padded to a square; returns crop and transform as `crop_face` does."""
    matrix = centred_fit(rgb.shape[1], rgb.shape[0], size)
    return warp(rgb, matrix, size), matrix


def crop_box(rgb: Rgb, box_xyxy: Box, size: int) -> tuple[Rgb, Matrix]:
    """Cut a box out, widened about its centre to a square; returns crop and transform as `crop_face` does."""
    left, top, right, bottom = box_xyxy
    scale = size / max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    matrix = np.array([[scale, 0, size / 2 - scale * x], [0, scale, size / 2 - scale * y]])
    return warp(rgb, matrix, size), matrix


def warp(rgb: Rgb, matrix: Matrix, size: int) -> Rgb:
    """Show what a transform [2, 3] brings into a square of `size` pixels; outside the picture edge pixels repeat.

    Shrinks by area first, so that a large face does not alias in a small crop.
    """
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 1:
        rgb, matrix = _shrink(rgb, matrix, size, scale)
    shift = matrix[:, :2] @ _HALF + matrix[:, 2] - _HALF  # OpenCV counts from the centre of the first pixel
    pixel_matrix = np.column_stack([matrix[:, :2], shift])
    return cv2.warpAffine(rgb, pixel_matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _shrink(rgb: Rgb, matrix: Matrix, size: int, scale: float) -> tuple[Rgb, Matrix]:
    """Cut out what the crop shows, shrink it by about `scale`; returns it with the transform that is left to do."""
    height, width = rgb.shape[:2]
    corners = apply(invert(matrix), [[0, 0], [size, 0], [0, size], [size, size]])
    border = 2 / scale  # two pixels of the crop, for interpolation at its edge
    left, top = np.floor(corners.min(axis=0) - border).clip(0, [width - 1, height - 1]).astype(int)
    right, bottom = np.ceil(corners.max(axis=0) + border).clip([left + 1, top + 1], [width, height]).astype(int)
    part = rgb[top:bottom, left:right]
    shrunk_wh = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    shrunk = cv2.resize(part, shrunk_wh, interpolation=cv2.INTER_AREA)
    factors = np.array([(right - left) / shrunk_wh[0], (bottom - top) / shrunk_wh[1]])  # back to picture pixels
    linear = matrix[:, :2] * factors
    return shrunk, np.column_stack([linear, matrix[:, :2] @ [left, top] + matrix[:, 2]])
