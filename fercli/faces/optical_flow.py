"""The faces of one frame and the next frame in, where the faces have gone out: optical flow instead of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import cv2
import numpy as np

from fercli.faces.geometry import apply
from fercli.media.images import Rgb
from fercli.results import Box, Face, Landmarks

_LEVELS = 3
_GRID = 5  # points a side, beside the landmarks
_MOST_ERROR = 0.15  # of the face's side: how far a point followed there and back may end from where it began
_LEAST_POINTS = 6


class FaceFlow:
    """Carries faces from frame to frame by Lucas and Kanade's flow (Bouguet 2000) of points within them.

    The points that are found again on the way back vote for one turn, zoom and shift of box and landmarks. A face
    whose points are lost is left out.
    """

    def __init__(self, rgb: Rgb) -> None:
        self._grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the frame before; only one of the same can be followed into."""
        return self._grey.shape[0], self._grey.shape[1]

    def follow(self, rgb: Rgb, faces: Sequence[Face]) -> list[Face]:
        """Faces of the frame before, as they lie in this one, which becomes the frame before."""
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        before, self._grey = self._grey, grey
        return [moved for face in faces if (moved := _carried(before, grey, face)) is not None]


def _carried(before: np.ndarray, after: np.ndarray, face: Face) -> Face | None:
    left, top, right, bottom = face.box_xyxy
    side = max(right - left, bottom - top, 1.0)
    across, down = np.linspace(left, right, _GRID + 2)[1:-1], np.linspace(top, bottom, _GRID + 2)[1:-1]
    grid = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    start = np.concatenate([np.array(face.landmarks), grid]).astype(np.float32)[:, None]
    window = int(np.clip(side / 4, 9, 31)) | 1
    end, found, _ = cv2.calcOpticalFlowPyrLK(before, after, start, None, winSize=(window, window), maxLevel=_LEVELS)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(after, before, end, None, winSize=(window, window), maxLevel=_LEVELS)
    error = np.linalg.norm(back - start, axis=2).ravel()
    good = (found.ravel() == 1) & (found_back.ravel() == 1) & (error < _MOST_ERROR * side / 2)
    if good.sum() < _LEAST_POINTS:
        return None
    matrix, _ = cv2.estimateAffinePartial2D(start[good], end[good], ransacReprojThreshold=max(1.0, 0.03 * side))
    if matrix is None:
        return None
    centre = apply(matrix, [[(left + right) / 2, (top + bottom) / 2]])[0]
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    half = np.array([right - left, bottom - top]) * zoom / 2
    box = cast("Box", tuple(np.concatenate([centre - half, centre + half]).tolist()))
    points = cast("Landmarks", tuple(tuple(point) for point in apply(matrix, face.landmarks).tolist()))
    return replace(face, box_xyxy=box, landmarks=points)
