"""Arithmetic on boxes [K, 4] (left, top, right, bottom) as MTCNN does it, float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]  # [K, 4]


def regress(boxes: Boxes, offsets: Boxes, *, inclusive: bool) -> Boxes:
    """Move every side by its offset [K, 4], a fraction of the box's side; inclusive counts the last pixel into the side."""
    sides = boxes[:, 2:] - boxes[:, :2] + np.float32(inclusive)
    return boxes + offsets * np.tile(sides, 2)


def squared(boxes: Boxes) -> Boxes:
    """The square around the same centre, as large as the longer side."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(axis=1, keepdims=True, initial=0) if len(boxes) else sides[:, :1]
    start = boxes[:, :2] + sides * np.float32(0.5) - longest * np.float32(0.5)
    return np.concatenate([start, start + longest], axis=1)


def pixels_inside(boxes: Boxes, width: int, height: int) -> NDArray[np.int32]:
    """What a box shows of a picture: first and last + 1 column and row, [K, 4] int32; empty if it lies outside."""
    whole = np.trunc(boxes).astype(np.int32)
    start = np.maximum(whole[:, :2], 1) - 1
    return np.concatenate([start, np.minimum(whole[:, 2:], [width, height])], axis=1).astype(np.int32)


def keep_largest_score(boxes: Boxes, scores: NDArray[np.float32], limit: float) -> NDArray[np.int64]:
    """Greedy choice: best score first, without boxes that share more than `limit` of the smaller one with a chosen one.

    Non-maximum suppression by intersection over minimum, which takes a box inside another for the same face.
    Returns places, best first; areas count the last pixel in.
    """
    start, end = boxes[:, :2], boxes[:, 2:]
    area = np.prod(end - start + 1, axis=1)
    left = np.argsort(scores)
    chosen = []
    while len(left):
        best, left = left[-1], left[:-1]
        chosen.append(best)
        shared = np.minimum(end[best], end[left]) - np.maximum(start[best], start[left]) + 1
        overlap = np.prod(np.maximum(shared, 0), axis=1) / np.minimum(area[best], area[left])
        left = left[overlap <= limit]
    return np.array(chosen, np.int64)
