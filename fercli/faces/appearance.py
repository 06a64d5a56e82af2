"""Describe faces by small vectors that distinguish the people of a scene: from frame to frame, and after an absence."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.media.images import Rgb
from fercli.results import Box

_SIDE = 8
_HEAD_SIDE = 16
_HEAD_LEFT_RIGHT, _HEAD_TOP = 0.15, 0.25  # of the box, around it: with the hair, without the clothes


def appearance_vectors(crops: Sequence[Rgb] | NDArray[np.uint8]) -> NDArray[np.float32]:
    """Describe aligned crops uint8 [K, S, S, 3] by unit vectors [K, 192]: 8 x 8 colours, with the mean subtracted.

    The dot product of two vectors is the correlation of the crops: near 1 for the same person in consecutive frames.
    They capture skin, hair and light of this scene only; this is not face recognition.
    """
    if not len(crops):
        return np.zeros((0, _SIDE * _SIDE * 3), np.float32)
    small = [cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).ravel() for crop in crops]
    vectors = np.stack(small).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def head_vector(rgb: Rgb, box_xyxy: Box) -> NDArray[np.float32]:
    """Describe a head by its colours: CIELAB in 0..255 of 16 x 16 pixels [768] of the box, widened to show the hair.

    `head_distance` of the same person in one scene is small, also after a cut: docs/experiments.md has the errors.
    """
    left, top, right, bottom = box_xyxy
    width, height = right - left, bottom - top
    rows, columns = rgb.shape[:2]
    first_x, last_x = _inside(left - _HEAD_LEFT_RIGHT * width, right + _HEAD_LEFT_RIGHT * width, columns)
    first_y, last_y = _inside(top - _HEAD_TOP * height, bottom, rows)
    part = rgb[first_y:last_y, first_x:last_x]
    small = cv2.resize(part, (_HEAD_SIDE, _HEAD_SIDE), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32).ravel()


def head_distance(one: NDArray[np.floating], others: NDArray[np.floating]) -> float:
    """Return the smallest mean absolute difference between a head [768] and other heads [K, 768], in units of CIELAB."""
    return float(np.abs(others - one).mean(axis=1).min())


def _inside(first: float, last: float, size: int) -> tuple[int, int]:
    begin = min(max(0, int(first)), size - 1)
    return begin, max(begin + 1, min(size, int(last)))
