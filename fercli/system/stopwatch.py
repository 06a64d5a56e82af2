"""Named stages of a job in, the seconds each took out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Stopwatch:
    """Adds up the time of named stages; `seconds` holds them in the order of their first start."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started = perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time inside the `with` to a stage, also if it ends in an exception."""
        started = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - started

    @property
    def total_s(self) -> float:
        """Seconds since the watch was made, stages or not."""
        return perf_counter() - self._started
