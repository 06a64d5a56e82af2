"""The highest-scoring moments of a video that are apart in time, each with an item such as a thumbnail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Peak(Generic[_Item]):
    """One moment: its score, its time and its item."""

    score: float
    time_s: float
    item: _Item


class Peaks(Generic[_Item]):
    """The `count` highest-scoring moments, no two closer than `apart_s`; `best` is sorted by descending score."""

    def __init__(self, count: int, *, apart_s: float) -> None:
        self.best: list[Peak[_Item]] = []
        self._count, self._apart_s = count, apart_s

    def wants(self, score: float, time_s: float) -> bool:
        """Return whether `put` would keep this moment, so that its item is made only then."""
        near = [peak for peak in self.best if abs(peak.time_s - time_s) < self._apart_s]
        if near:
            return score > max(peak.score for peak in near)
        return len(self.best) < self._count or score > self.best[-1].score

    def put(self, score: float, time_s: float, item: _Item) -> None:
        """Keep a moment; it replaces those near it, or the one with the lowest score."""
        apart = [peak for peak in self.best if abs(peak.time_s - time_s) >= self._apart_s]
        self.best = sorted([*apart, Peak(score, time_s, item)], key=lambda peak: -peak.score)[: self._count]
