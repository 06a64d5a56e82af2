"""Measurements in a fresh process: the value, the peak memory, and the reason of a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.bench.isolated import run_isolated
from fercli.errors import RefusedError

MODULE = """
from fercli.bench.isolated import write_measurement
from fercli.errors import DataError

def work(name, megabytes):
    if not megabytes:
        raise DataError("nothing to hold", fix="hold something")
    return len(bytes(range(256)) * (megabytes << 12)) >> 20

write_measurement(work)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "held.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[2]}")
    return "held"


def test_run_isolated__returns_the_value_and_the_peak_memory_of_its_process(module: str):
    small, large = (run_isolated(module, {"name": "s", "megabytes": size}) for size in (1, 200))
    assert (small.value, large.value) == (1, 200)
    assert small.peak_mb is not None
    assert large.peak_mb is not None
    assert 150 < large.peak_mb - small.peak_mb < 250


def test_run_isolated__reports_why_it_failed(module: str):
    with pytest.raises(RefusedError, match="the measurement of s failed: nothing to hold"):
        run_isolated(module, {"name": "s", "megabytes": 0})
