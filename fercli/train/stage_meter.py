"""Time and peak memory of the stages of a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Literal

import torch

Stage = Literal["teach", "wait", "step", "score", "save"]


class StageMeter:
    """Adds up seconds and keeps the peak memory by stage, in dictionaries that belong to the run's state.

    Peaks are bytes of GPU memory in that stage; on a CPU bytes of the process since its start, because systems report no more.
    """

    def __init__(self, device: torch.device, seconds: dict[str, float], peak_bytes: dict[str, int]) -> None:
        self.device, self.seconds, self.peak_bytes = device, seconds, peak_bytes

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Measure the body of the `with`, also if it raises."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        started = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - started
            self.peak_bytes[name] = max(self.peak_bytes.get(name, 0), self._peak_bytes())

    def _peak_bytes(self) -> int:
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device))
        if sys.platform == "win32":
            return 0
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kilobytes
