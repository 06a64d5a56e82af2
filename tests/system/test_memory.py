"""Memory is returned to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from pathlib import Path
from fercli.system.memory import release_unused_memory
def resident():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)
kept = []
blocks = [bytes(60_000) for _ in range(2000)]
kept.append(bytes(60_000))  # at the end of the heap
blocks = None
before = resident()
release_unused_memory()
print(before - resident())
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux")
def test_release_unused_memory__returns_what_is_free():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 50_000  # kB, of 120,000
