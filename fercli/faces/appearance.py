"""Aligned crops in, small vectors that tell the people of a scene apart out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fercli.media.images import Rgb

_SIDE = 8


def looks(crops: Sequence[Rgb] | NDArray[np.uint8]) -> NDArray[np.float32]:
    """Crops uint8 [K, S, S, 3] as vectors [K, 192] of unit length: 8 x 8 colours, without the mean.

    Their product is the correlation of two crops: near 1 for one person in frames that follow each other. It knows
    skin, hair and light of this scene, and is no face recognition.
    """
    if not len(crops):
        return np.zeros((0, _SIDE * _SIDE * 3), np.float32)
    small = [cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).ravel() for crop in crops]
    vectors = np.stack(small).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
