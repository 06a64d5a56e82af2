"""The name of a module and its task in, what it answered in a fresh process and that process's peak memory out."""

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
class Answer:
    """value: what the module's work returned. peak_mb: most memory its process held, None where the system cannot say."""

    value: Any
    peak_mb: float | None


def run_isolated(module: str, task: Mapping[str, Any]) -> Answer:
    """Run `python -m module` with the task as JSON on stdin; RefusedError tells how it failed."""
    done = subprocess.run(
        [sys.executable, "-m", module], input=json.dumps(task), capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RefusedError(f"the measurement of {task.get('side', module)} failed: {last}", fix="fer doctor")
    facts = json.loads(done.stdout)
    return Answer(facts["value"], facts["peak_mb"])


def answer(work: Callable[..., Any]) -> None:
    """The other end: read the task from stdin, do the work, and write its answer to stdout."""
    task = json.load(sys.stdin)
    try:
        value = work(**task)
    except FerError as error:
        sys.exit(error.message)
    json.dump({"value": value, "peak_mb": _peak_mb()}, sys.stdout)


def _peak_mb() -> float | None:
    status = Path("/proc/self/status")  # Linux: getrusage there counts what the parent held when it started this
    if status.is_file():
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), None)
        return int(line.split()[1]) / 2**10 if line else None
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
