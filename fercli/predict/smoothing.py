"""Probabilities of a person over time in, the same with less flicker out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.floating]  # [N]


class Smoother:
    """Exponential average along each track of one video; it looks back only, so a stream can be smoothed too.

    time_constant_s: after so long a change has arrived to 63 %. A step of dt weighs 1 - exp(-dt / time_constant_s),
    whatever the frame rate.
    """

    def __init__(self, time_constant_s: float) -> None:
        if not time_constant_s > 0:
            raise ValueError(f"a time constant of {time_constant_s} s")
        self.time_constant_s = time_constant_s
        self._last: dict[int, tuple[float, Probabilities]] = {}

    def smooth(self, track: int, time_s: float, values: Probabilities) -> Probabilities:
        """The average so far of the track's probabilities, which sum to 1 as the values do."""
        before = self._last.get(track)
        if before is not None:
            weight = 1 - math.exp(-max(time_s - before[0], 0.0) / self.time_constant_s)
            values = before[1] + weight * (values - before[1])
        self._last[track] = (time_s, values)
        return values
