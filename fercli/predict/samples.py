"""Items such as thumbnails spread evenly over a time of unknown length, in bounded number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, TypeVar

_Item = TypeVar("_Item")

_FIRST_EVERY_S = 0.25


class Samples(Generic[_Item]):
    """Keeps at most `count` items, the first of every slot of `every_s` seconds; slots double when there are more."""

    def __init__(self, count: int) -> None:
        self.every_s = _FIRST_EVERY_S
        self._count = count
        self._items: dict[int, tuple[float, _Item]] = {}

    def offer(self, time_s: float, make: Callable[[], _Item]) -> None:
        """Keep the item that `make` returns, if its slot is empty; times ascend."""
        slot = math.floor(time_s / self.every_s)
        if slot in self._items:
            return
        self._items[slot] = (time_s, make())
        if len(self._items) > self._count:
            self.widen()

    def widen(self) -> None:
        """Double the slots; the earlier item of two in one slot is kept."""
        self.every_s *= 2
        wider: dict[int, tuple[float, _Item]] = {}
        for time_s, item in self._items.values():
            wider.setdefault(math.floor(time_s / self.every_s), (time_s, item))
        self._items = wider

    def at_most(self, count: int) -> list[tuple[float, _Item]]:
        """Return (time, item) in order of time, after doubling the slots until there are at most `count`."""
        while len(self._items) > count:
            self.widen()
        return list(self._items.values())
