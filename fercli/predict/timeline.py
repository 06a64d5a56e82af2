"""Means of values over time in a bounded number of equal bins, whatever the length of the video."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FINEST_S = 0.02  # initial width of a bin, shorter than a frame of usual videos
MAX_BINS = 4096


class Timeline:
    """Sums values [C], weighted by time, in bins of `width_s` that start at 0; pairs of bins merge when more are needed.

    Memory is that of `bins` rows. `width_s` is FINEST_S times a power of two.
    """

    def __init__(self, columns: int, *, bins: int = MAX_BINS) -> None:
        self.width_s = FINEST_S
        self._sums = np.zeros((bins, columns + 1))  # the last column is the time itself

    def add(self, values: NDArray[np.float64], *, start_s: float, end_s: float) -> None:
        """Add `values` for the time from `start_s` to `end_s`; where times overlap, both count."""
        self.reach(end_s)
        first, last = math.floor(start_s / self.width_s), math.ceil(end_s / self.width_s)
        edges = np.clip(np.arange(first, last + 1) * self.width_s, start_s, end_s)
        self._sums[first:last] += np.diff(edges)[:, None] * np.append(values, 1.0)

    def reach(self, end_s: float) -> None:
        """Merge pairs of bins until they span everything up to `end_s`."""
        while end_s > self.width_s * len(self._sums):
            self.widen(self.width_s * 2)

    def widen(self, width_s: float) -> None:
        """Merge pairs of bins until they are `width_s` wide, as those of another timeline."""
        while self.width_s < width_s:
            merged = self._sums.reshape(len(self._sums) // 2, 2, -1).sum(axis=1)
            self._sums = np.concatenate([merged, np.zeros_like(merged)])
            self.width_s *= 2

    def means(self, end_s: float) -> NDArray[np.float64]:
        """Return the means of the bins that begin before `end_s`: [T, C], NaN where no time was added."""
        used = self._sums[: max(1, math.ceil(end_s / self.width_s - 1e-9))]
        seconds = used[:, -1:]
        return np.divide(used[:, :-1], seconds, out=np.full_like(used[:, :-1], np.nan), where=seconds > 1e-9)
