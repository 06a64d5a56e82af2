"""Similarity transforms between landmarks and crop templates.

Coordinates are continuous: (0, 0) is the top left corner of the top left pixel, whose centre is (0.5, 0.5).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Transform = NDArray[np.float64]  # [2, 3]: target = matrix[:, :2] @ source + matrix[:, 2]


def similarity_transform(source: ArrayLike, target: ArrayLike) -> Transform:
    """Return the least-squares rotation, scale and shift that takes `source` points to `target`; never a reflection.

    Args: both [K, 2], K >= 2. Returns float64 [2, 3].
    Raises: ValueError if the source points all coincide. Source: Umeyama 1991, Eq. 40-43. In two dimensions, with points
    as complex numbers, its solution is the regression coefficient: no singular values are needed.
    """
    sources, targets = np.asarray(source, np.float64), np.asarray(target, np.float64)
    source_mean, target_mean = sources.mean(axis=0), targets.mean(axis=0)
    (x, y), (u, v) = (sources - source_mean).T, (targets - target_mean).T  # [K] each
    variance = x @ x + y @ y
    if not variance > 0:
        raise ValueError("all source points coincide; cannot estimate the scale")
    a, b = (x @ u + y @ v) / variance, (x @ v - y @ u) / variance  # scale * cos, scale * sin
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def letterbox_transform(width: int, height: int, size: int) -> Transform:
    """Return the transform that fits a whole picture, centred and undistorted, into `size` x `size`: float64 [2, 3]."""
    scale = size / max(width, height)
    return np.array([[scale, 0.0, (size - scale * width) / 2], [0.0, scale, (size - scale * height) / 2]])


def invert(matrix: Transform) -> Transform:
    """Return the inverse of a transform [2, 3]."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def transform_points(matrix: Transform, points: ArrayLike) -> NDArray[np.float64]:
    """Apply a transform [2, 3] to points [K, 2]."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
