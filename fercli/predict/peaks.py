"""Scored moments in, the few best that lie apart in time out, with whatever is kept of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Peak(Generic[Item]):
    """One moment: its score, when it was, and what is kept of it."""

    score: float
    time_s: float
    item: Item


class Peaks(Generic[Item]):
    """The `count` best moments, no two closer than `apart_s`; `best` has them by falling score."""

    def __init__(self, count: int, *, apart_s: float) -> None:
        self.best: list[Peak[Item]] = []
        self._count, self._apart_s = count, apart_s

    def wants(self, score: float, time_s: float) -> bool:
        """Whether `put` would keep this moment: what to keep of it is made only then."""
        near = [peak for peak in self.best if abs(peak.time_s - time_s) < self._apart_s]
        if near:
            return score > max(peak.score for peak in near)
        return len(self.best) < self._count or score > self.best[-1].score

    def put(self, score: float, time_s: float, item: Item) -> None:
        """Keep a moment that is wanted, in the place of those near it or of the worst."""
        apart = [peak for peak in self.best if abs(peak.time_s - time_s) >= self._apart_s]
        self.best = sorted([*apart, Peak(score, time_s, item)], key=lambda peak: -peak.score)[: self._count]
