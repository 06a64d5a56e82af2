"""Time `fer predict` on one picture in a fresh process that loads everything."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from fercli.errors import RefusedError
from fercli.progress import Progress, silent


@dataclass(frozen=True)
class StartBench:
    """seconds: median, minimum and maximum of the rounds, from the start of Python to its end. processor_s: CPU time of all
    threads, median.
    """

    picture: Path
    weights: str | None
    seconds: tuple[float, float, float]
    processor_s: float | None


def bench_start(
    picture: Path, *, weights: str | None = None, rounds: int = 3, progress: Progress = silent
) -> StartBench:
    """Run `fer predict PICTURE` in `rounds` separate processes; RefusedError if it fails."""
    command = [sys.executable, "-m", "fercli", "predict", str(picture), "--json", "--device", "cpu"]
    command += ["--weights", weights] if weights else []
    seconds, processor = [], []
    for turn in range(rounds):
        progress(turn, rounds, picture.name)
        started, used = perf_counter(), os.times()
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
        seconds.append(perf_counter() - started)
        now = os.times()
        processor.append(now.children_user + now.children_system - used.children_user - used.children_system)
        if done.returncode:
            reason = next(
                (line for line in done.stderr.splitlines() if line.startswith("error: ")), "error: no message"
            )
            raise RefusedError(f"fer predict {picture} failed: {reason.removeprefix('error: ')}", fix="fer doctor")
    used_s = median(processor) or None  # 0 on systems that do not report it, such as Windows
    return StartBench(picture, weights, (median(seconds), min(seconds), max(seconds)), used_s)
