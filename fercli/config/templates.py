"""Crop templates: positions of the five landmarks in an aligned crop.

Order: eyes (left in the image, right), nose, mouth corners (left, right).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from fercli.config.ranges import Within, check_ranges
from fercli.errors import UsageError

Points = tuple[tuple[float, float], ...]
_MIN_EXTENT = 0.01  # of the five points together, as a fraction of the side


@dataclass(frozen=True)
class CropTemplate:
    """Five landmarks as fractions of the crop's side, x to the right and y down; (0, 0) is the top left corner of the crop.

    detector: the detector whose landmarks the points are the mean of; None if they are not measured.
    """

    name: str
    points: Annotated[Points, Within(-10, 11)]
    source: str
    detector: str | None = None

    def __post_init__(self) -> None:
        if len(self.points) != 5:
            raise ValueError(f"template {self.name} needs five points, has {len(self.points)}")
        check_ranges(self)
        if max(max(axis) - min(axis) for axis in zip(*self.points, strict=True)) < _MIN_EXTENT:
            raise ValueError(f"template {self.name}: the five points coincide")

    def with_margin(self, margin: float) -> CropTemplate:
        """Return the template with `margin` added on every side, as a fraction of this template's side."""
        if not margin:
            return self
        points = tuple(((x + margin) / (1 + 2 * margin), (y + margin) / (1 + 2 * margin)) for x, y in self.points)
        return CropTemplate(f"{self.name}+{margin:g}", points, self.source, self.detector)

    def points_px(self, size: int, *, margin: float = 0.0) -> NDArray[np.float64]:
        """Return the five landmarks in a crop of `size` x `size` pixels: float64 [5, 2], x and y.

        margin: added on every side, as a fraction of the template's own side; 0.25 scales the face to two thirds of its size.
        """
        return np.asarray(self.with_margin(margin).points, np.float64) * size


def _fractions(points: Points, side: float) -> Points:
    return tuple((x / side, y / side) for x, y in points)


TEMPLATES: dict[str, CropTemplate] = {
    template.name: template
    for template in (
        CropTemplate(
            "arcface",
            _fractions(
                ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)),
                112,
            ),
            "ArcFace 112x112 (face.evoLVe's 96x112 points, 8 px to the right)",
        ),
        CropTemplate(
            "fer2013",
            # mean of the MTCNN landmarks of FER2013's 48x48 crops, made symmetric about the middle
            _fractions(((15.3, 18.5), (32.7, 18.5), (24.0, 28.8), (16.9, 37.4), (31.1, 37.4)), 48),
            "mean MTCNN landmarks of the FER2013 crops, made symmetric",
            "mtcnn",
        ),
    )
}


def template(name: str) -> CropTemplate:
    """Return a template by name, `arcface`, or with a margin, `arcface+0.1`; UsageError lists the known names."""
    base, plus, margin = name.partition("+")
    try:
        return TEMPLATES[base].with_margin(float(margin) if plus else 0.0)
    except (KeyError, ValueError):
        raise UsageError(f"unknown crop template {name!r}", fix=f"known: {', '.join(TEMPLATES)}") from None
