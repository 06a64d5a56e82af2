"""Stages of a run in, the seconds each took and the most memory it held out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import torch


class Meter:
    """Adds up seconds and keeps peaks by stage, in dictionaries that belong to the run's state.

    Peaks are bytes of the GPU's memory in that stage; on a CPU of the process since its start, which is all that systems tell.
    """

    def __init__(self, device: torch.device, seconds: dict[str, float], peak_bytes: dict[str, int]) -> None:
        self.device, self.seconds, self.peak_bytes = device, seconds, peak_bytes

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the inside of the `with`, also if it ends in an exception."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        started = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - started
            self.peak_bytes[name] = max(self.peak_bytes.get(name, 0), self._peak())

    def _peak(self) -> int:
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device))
        if sys.platform == "win32":
            return 0
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used if sys.platform == "darwin" else used * 1024  # macOS counts bytes, Linux kilobytes
