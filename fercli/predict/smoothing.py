"""Exponential moving average of the probabilities along a track."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


class Smoother:
    """Averages along each track of one video over past frames only, so that it works on streams.

    time_constant_s: time after which a step has been followed by 63 %. A frame after dt has the weight
    1 - exp(-dt / time_constant_s), independent of the frame rate.
    """

    def __init__(self, time_constant_s: float) -> None:
        if not time_constant_s > 0:
            raise ValueError(f"time_constant_s must be positive, got {time_constant_s}")
        self.time_constant_s = time_constant_s
        self._last: dict[int, tuple[float, NDArray[np.floating]]] = {}

    def smooth(self, track: int, time_s: float, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the moving average of the track's probabilities, which sum to 1 as the values do."""
        before = self._last.get(track)
        if before is not None:
            weight = 1 - math.exp(-max(time_s - before[0], 0.0) / self.time_constant_s)
            values = before[1] + weight * (values - before[1])
        self._last[track] = (time_s, values)
        return values
