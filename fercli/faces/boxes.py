"""Box arithmetic and non-maximum suppression: boxes are float32 [K, 4] (left, top, right, bottom)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]  # [K, 4]


@dataclass(frozen=True)
class Detections:
    """Detected faces of one picture: boxes [K, 4], scores [K], landmarks [K, 5, 2] (x, y), in pixels."""

    boxes: Boxes
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32]

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Detections:
        """Return the detections that a mask [K] or indices select."""
        return Detections(self.boxes[which], self.scores[which], self.landmarks[which])

    @staticmethod
    def concatenate(parts: Sequence[Detections]) -> Detections:
        """Join the detections of at least one part."""
        return Detections(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.landmarks for part in parts]),
        )


def suppress(boxes: Boxes, scores: NDArray[np.float32], limit: float) -> NDArray[np.int64]:
    """Suppress boxes that overlap a better one, by intersection over union; returns indices, best score first."""
    if not len(boxes):
        return np.zeros(0, np.int64)
    corners = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).astype(np.float64)
    kept = cv2.dnn.NMSBoxes(cast(Any, corners), cast(Any, scores), 0.0, limit)
    return np.asarray(kept, np.int64).ravel()


def regress(boxes: Boxes, offsets: Boxes, *, inclusive: bool) -> Boxes:
    """Move every side by its offset [K, 4], a fraction of the box's side; inclusive: the side includes the last pixel."""
    sides = boxes[:, 2:] - boxes[:, :2] + np.float32(inclusive)
    return boxes + offsets * np.tile(sides, 2)


def squared(boxes: Boxes) -> Boxes:
    """Return the square around the same centre, as large as the longer side."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(axis=1, keepdims=True, initial=0) if len(boxes) else sides[:, :1]
    start = boxes[:, :2] + sides * np.float32(0.5) - longest * np.float32(0.5)
    return np.concatenate([start, start + longest], axis=1)


def pixels_inside(boxes: Boxes, width: int, height: int) -> NDArray[np.int32]:
    """Return the pixels of a picture inside each box: first and last + 1 column and row, int32 [K, 4]; empty if outside."""
    whole = np.trunc(boxes).astype(np.int32)
    start = np.maximum(whole[:, :2], 1) - 1
    return np.concatenate([start, np.minimum(whole[:, 2:], [width, height])], axis=1).astype(np.int32)


def suppress_by_minimum(boxes: Boxes, scores: NDArray[np.float32], limit: float) -> NDArray[np.int64]:
    """Suppress boxes that overlap a better one, by intersection over minimum: a box inside another one counts as the same face.

    Drops every box whose overlap with a better one exceeds `limit` of the smaller of the two areas.
    Returns indices, best score first; areas include the last pixel, as in facenet-pytorch.
    """
    start, end = boxes[:, :2], boxes[:, 2:]
    area = np.prod(end - start + 1, axis=1)
    remaining = np.argsort(scores)
    kept = []
    while len(remaining):
        best, remaining = remaining[-1], remaining[:-1]
        kept.append(best)
        shared = np.minimum(end[best], end[remaining]) - np.maximum(start[best], start[remaining]) + 1
        overlap = np.prod(np.maximum(shared, 0), axis=1) / np.minimum(area[best], area[remaining])
        remaining = remaining[overlap <= limit]
    return np.array(kept, np.int64)
