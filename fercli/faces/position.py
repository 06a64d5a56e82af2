"""Five landmarks of many crops in, where the faces lie, how steadily, and which crop template that is, out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fercli.config.templates import TEMPLATES, CropTemplate

ALIGNED_SPREAD = 0.04  # measured: 0.023 in crops that were aligned by five points, 0.06 to 0.08 in crops by a face box
SAME_TEMPLATE = 0.05  # a crop template's points lie this near to the mean points of crops made with it


@dataclass(frozen=True)
class FacePosition:
    """Where faces lie in their crops; every length is a fraction of the crop's side.

    middle: median place of each landmark over all faces. spread: root mean square distance of a face's landmarks from
    there, in the median face. template: the crop template nearest to the middle, distance: of its points, likewise.
    Medians, as a detector is now and then mistaken.
    """

    faces: int
    middle: tuple[tuple[float, float], ...]
    spread: float
    template: str
    distance: float

    @property
    def aligned(self) -> bool:
        """Whether the faces were brought into one position, rather than cut out by a box."""
        return self.spread < ALIGNED_SPREAD

    @property
    def known(self) -> bool:
        """Whether that position is the template's."""
        return self.distance < SAME_TEMPLATE


def face_position(landmarks: ArrayLike, templates: Iterable[CropTemplate] = TEMPLATES.values()) -> FacePosition:
    """Judge landmarks [F, 5, 2] of F faces, in fractions of their crop's side; ValueError without a face."""
    points = np.asarray(landmarks, np.float64)
    if points.ndim != 3 or points.shape[1:] != (5, 2) or not len(points):
        raise ValueError(f"landmarks must be [F, 5, 2] with at least one face, are {list(points.shape)}")
    middle = np.median(points, axis=0)  # [5, 2]
    distances = {one.name: float(_apart(np.asarray(one.points), middle)) for one in templates}
    nearest = min(distances, key=lambda name: distances[name])
    return FacePosition(
        faces=len(points),
        middle=tuple((float(x), float(y)) for x, y in middle),
        spread=float(np.median(_apart(points, middle))),
        template=nearest,
        distance=distances[nearest],
    )


def _apart(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square distance of points [..., 5, 2] from others [5, 2]: float64 [...]."""
    distances: NDArray[np.float64] = np.sqrt(np.square(points - others).sum(axis=-1).mean(axis=-1))
    return distances
