"""Estimate where faces are in a set of crops, and which crop template that matches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fercli.config.templates import TEMPLATES, CropTemplate

ALIGNED_SPREAD = 0.04  # measured: 0.023 in crops aligned by five landmarks, 0.06 to 0.08 in crops by a face box
SAME_TEMPLATE = 0.05  # largest distance between a template's points and the mean landmarks of crops made with it


@dataclass(frozen=True)
class FacePosition:
    """The position of faces in their crops; every length is a fraction of the crop's side.

    median_landmarks: median position of each landmark over all faces. spread: root mean square distance of a face's
    landmarks from there, for the median face. template: the crop template nearest to the median landmarks.
    distance: root mean square distance between the two. Medians are robust to occasional false detections.
    """

    faces: int
    median_landmarks: tuple[tuple[float, float], ...]
    spread: float
    template: str
    distance: float

    @property
    def aligned(self) -> bool:
        """Whether the crops were aligned by landmarks rather than cut out by a box."""
        return self.spread < ALIGNED_SPREAD

    @property
    def known(self) -> bool:
        """Whether the position matches a known template."""
        return self.distance < SAME_TEMPLATE


def face_position(landmarks: ArrayLike, templates: Iterable[CropTemplate] = TEMPLATES.values()) -> FacePosition:
    """Summarise landmarks [F, 5, 2] of F faces, as fractions of their crop's side; ValueError without a face."""
    points = np.asarray(landmarks, np.float64)
    if points.ndim != 3 or points.shape[1:] != (5, 2) or not len(points):
        raise ValueError(f"landmarks must be [F, 5, 2] with at least one face, got {list(points.shape)}")
    median = np.median(points, axis=0)  # [5, 2]
    distances = {template.name: float(_rms_distance(np.asarray(template.points), median)) for template in templates}
    nearest = min(distances, key=lambda name: distances[name])
    return FacePosition(
        faces=len(points),
        median_landmarks=tuple((float(x), float(y)) for x, y in median),
        spread=float(np.median(_rms_distance(points, median))),
        template=nearest,
        distance=distances[nearest],
    )


def _rms_distance(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square distance of points [..., 5, 2] from others [5, 2]: float64 [...]."""
    distances: NDArray[np.float64] = np.sqrt(np.square(points - others).sum(axis=-1).mean(axis=-1))
    return distances
