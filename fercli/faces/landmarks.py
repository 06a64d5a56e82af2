"""Reduce 68 facial landmarks (iBUG 300-W order) to the five that crops are aligned by."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from fercli.results import Landmarks

# iBUG 300-W: 36..41 the eye on the image's left, 42..47 the other, 30 the tip of the nose, 48 and 54 the mouth's corners
_LEFT_EYE, _RIGHT_EYE, _NOSE, _CORNERS = slice(36, 42), slice(42, 48), 30, (48, 54)


def five_of_68(values: ArrayLike) -> Landmarks:
    """Return the eye centres, nose and mouth corners of 136 numbers x, y, x, y, ...; ValueError for another count."""
    points = np.asarray(values, np.float64).reshape(-1, 2)
    if len(points) != 68:
        raise ValueError(f"expected 68 landmarks, got {len(points)}")
    five = [points[_LEFT_EYE].mean(0), points[_RIGHT_EYE].mean(0), points[_NOSE], *points[list(_CORNERS)]]
    return cast("Landmarks", tuple((float(x), float(y)) for x, y in five))
