"""Move faces from one video frame to the next by optical flow, without running the detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import cv2
import numpy as np

from fercli.faces.crop import landmarks_of
from fercli.faces.geometry import transform_points
from fercli.media.images import Rgb
from fercli.results import Box, Face, Landmarks

_LEVELS = 3
_GRID = 5  # points per side, in addition to the landmarks
_MAX_ERROR = 0.15  # of the face's side: allowed distance between a point and itself tracked forward and back
_MIN_POINTS = 6


class FaceFlow:
    """Moves faces from frame to frame by pyramidal Lucas-Kanade flow (Bouguet 2000) of points inside them.

    Points that return to their start when tracked backwards determine one similarity transform of box and landmarks.
    A face with too few such points is dropped.
    """

    def __init__(self, rgb: Rgb) -> None:
        self._grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the previous frame; the next one must have the same."""
        return self._grey.shape[0], self._grey.shape[1]

    def follow(self, rgb: Rgb, faces: Sequence[Face]) -> list[Face]:
        """Return faces of the previous frame at their position in this one, which becomes the previous frame."""
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        previous, self._grey = self._grey, grey
        return [moved for face in faces if (moved := _moved(previous, grey, face)) is not None]


def _moved(previous: np.ndarray, current: np.ndarray, face: Face) -> Face | None:
    left, top, right, bottom = face.box_xyxy
    side = max(right - left, bottom - top, 1.0)
    across, down = np.linspace(left, right, _GRID + 2)[1:-1], np.linspace(top, bottom, _GRID + 2)[1:-1]
    grid = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    start = np.concatenate([np.array(landmarks_of(face)), grid]).astype(np.float32)[:, None]
    window = int(np.clip(side / 4, 9, 31)) | 1
    settings: Any = {"winSize": (window, window), "maxLevel": _LEVELS}
    end, tracked, _ = cv2.calcOpticalFlowPyrLK(previous, current, start, None, **settings)
    back, tracked_back, _ = cv2.calcOpticalFlowPyrLK(current, previous, end, None, **settings)
    error = np.linalg.norm(back - start, axis=2).ravel()
    good = (tracked.ravel() == 1) & (tracked_back.ravel() == 1) & (error < _MAX_ERROR * side / 2)
    if good.sum() < _MIN_POINTS:
        return None
    matrix, _ = cv2.estimateAffinePartial2D(start[good], end[good], ransacReprojThreshold=max(1.0, 0.03 * side))
    if matrix is None:
        return None
    centre = transform_points(matrix, [[(left + right) / 2, (top + bottom) / 2]])[0]
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    half = np.array([right - left, bottom - top]) * zoom / 2
    box = cast("Box", tuple(np.concatenate([centre - half, centre + half]).tolist()))
    points = cast("Landmarks", tuple(tuple(point) for point in transform_points(matrix, landmarks_of(face)).tolist()))
    return replace(face, box_xyxy=box, landmarks=points)
