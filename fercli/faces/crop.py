"""Cut aligned face crops out of a picture, by landmarks or by a box."""

from __future__ import annotations

import math
from typing import cast

import cv2
import numpy as np
from numpy.typing import ArrayLike

from fercli.config.templates import CropTemplate
from fercli.faces.geometry import Transform, invert, letterbox_transform, similarity_transform, transform_points
from fercli.media.images import Rgb
from fercli.results import Box, Face, Landmarks

_HALF = np.array([0.5, 0.5])
# Mean landmarks in boxes of YuNet (168 web and studio photos, made symmetric): distances from the centre of the box, in
# sides of the square with the same area. MTCNN's differ by at most 0.02, and the crops of both are 1.12 to 1.13 sides wide.
MEAN_LANDMARKS = np.array([[-0.207, -0.144], [0.207, -0.144], [0.0, 0.100], [-0.175, 0.279], [0.175, 0.279]])


def crop_face(
    rgb: Rgb, landmarks: ArrayLike, template: CropTemplate, size: int, *, margin: float = 0.0
) -> tuple[Rgb, Transform]:
    """Rotate, scale and shift a face so that its five landmarks [5, 2] match the template's.

    Returns the crop uint8 [size, size, 3] and the transform float64 [2, 3] from picture to crop coordinates.
    """
    matrix = similarity_transform(landmarks, template.points_px(size, margin=margin))
    return warp(rgb, matrix, size), matrix


def landmarks_of(face: Face) -> Landmarks:
    """Return the landmarks of a face; if only its box is known, their mean positions in a box: the crop is upright."""
    if face.landmarks is not None:
        return face.landmarks
    left, top, right, bottom = face.box_xyxy
    points = np.array([(left + right) / 2, (top + bottom) / 2]) + face.side * MEAN_LANDMARKS
    return cast("Landmarks", tuple(map(tuple, points.tolist())))


def box_of(landmarks: ArrayLike) -> Box:
    """Return the upright square in which landmarks [5, 2] have their mean positions."""
    matrix = similarity_transform(MEAN_LANDMARKS, landmarks)
    half, (x, y) = float(np.sqrt(np.linalg.det(matrix[:, :2]))) / 2, matrix[:, 2].tolist()
    return x - half, y - half, x + half, y + half


def resize_crop(rgb: Rgb, size: int) -> Rgb:
    """Stretch a crop to uint8 [size, size, 3]: area interpolation to shrink (no aliasing), bilinear to enlarge."""
    height, width = rgb.shape[:2]
    if (height, width) == (size, size):
        return rgb
    shrinks = height * width > size * size
    return cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def letterbox(rgb: Rgb, size: int) -> tuple[Rgb, Transform]:
    """Fit the whole picture into the crop, centred and padded to a square; returns crop and transform as `crop_face`."""
    matrix = letterbox_transform(rgb.shape[1], rgb.shape[0], size)
    return warp(rgb, matrix, size), matrix


def crop_box(rgb: Rgb, box_xyxy: Box, size: int) -> tuple[Rgb, Transform]:
    """Cut out a box, widened to a square around its centre; returns crop and transform as `crop_face`."""
    left, top, right, bottom = box_xyxy
    scale = size / max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    matrix = np.array([[scale, 0, size / 2 - scale * x], [0, scale, size / 2 - scale * y]])
    return warp(rgb, matrix, size), matrix


def warp(rgb: Rgb, matrix: Transform, size: int) -> Rgb:
    """Apply a transform [2, 3] and return the square of `size` pixels; edge pixels are repeated outside the picture.

    Shrinks by area first, so that a large face is not aliased in a small crop.
    """
    (a, b, _), (c, d, _) = matrix.tolist()
    scale = math.sqrt(abs(a * d - b * c))
    if scale < 1:
        rgb, matrix = _shrink(rgb, matrix, size, scale)
    shift = matrix[:, :2] @ _HALF + matrix[:, 2] - _HALF  # OpenCV counts from the centre of the first pixel
    pixel_matrix = np.column_stack([matrix[:, :2], shift])
    return cv2.warpAffine(rgb, pixel_matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _shrink(rgb: Rgb, matrix: Transform, size: int, scale: float) -> tuple[Rgb, Transform]:
    """Cut out the region the crop shows and shrink it by about `scale`; returns it with the remaining transform."""
    height, width = rgb.shape[:2]
    corners = transform_points(invert(matrix), [[0, 0], [size, 0], [0, size], [size, size]])
    border = 2 / scale  # two pixels of the crop, for interpolation at its edge
    left, top = np.floor(corners.min(axis=0) - border).clip(0, [width - 1, height - 1]).astype(int)
    right, bottom = np.ceil(corners.max(axis=0) + border).clip([left + 1, top + 1], [width, height]).astype(int)
    part = rgb[top:bottom, left:right]
    shrunk_wh = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    shrunk = cv2.resize(part, shrunk_wh, interpolation=cv2.INTER_AREA)
    factors = np.array([(right - left) / shrunk_wh[0], (bottom - top) / shrunk_wh[1]])  # back to picture pixels
    linear = matrix[:, :2] * factors
    return shrunk, np.column_stack([linear, matrix[:, :2] @ [left, top] + matrix[:, 2]])
