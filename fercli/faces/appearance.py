"""Describe face crops by small vectors that distinguish the people of a scene."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.media.images import Rgb

_SIDE = 8


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
