"""Run a measurement in a fresh process and return its result with the peak memory of that process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fercli.errors import FerError, RefusedError


@dataclass(frozen=True)
class Measurement:
    """Result of a measurement and the peak memory of its process.

    peak_mb: None if the system does not report it.
    """

    value: Any
    peak_mb: float | None


def run_isolated(module: str, task: Mapping[str, Any]) -> Measurement:
    """Run `python -m module` with the task as JSON on stdin. Raises: RefusedError with the reason if it failed."""
    done = subprocess.run(
        [sys.executable, "-m", module], input=json.dumps(task), capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RefusedError(f"the measurement of {task.get('name', module)} failed: {last}", fix="fer doctor")
    result = json.loads(done.stdout)
    return Measurement(result["value"], result["peak_mb"])


def write_measurement(work: Callable[..., Any]) -> None:
    """In the fresh process: read the task from stdin, run `work(**task)`, and write its result to stdout."""
    task = json.load(sys.stdin)
    try:
        value = work(**task)
    except FerError as error:
        sys.exit(error.message)
    json.dump({"value": value, "peak_mb": _peak_mb()}, sys.stdout)


def _peak_mb() -> float | None:
    status = Path("/proc/self/status")  # on Linux getrusage includes the memory of the parent at the time of the fork
    if status.is_file():
        line = next(
            (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM")), None
        )
        return int(line.split()[1]) / 2**10 if line else None
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
