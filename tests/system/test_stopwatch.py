"""Stages and their seconds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from fercli.system.stopwatch import Stopwatch


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[float]:
    """A clock that is read at 10, 11, 13, 16 and 20 s, and then every second."""
    times = iter([10.0, 11.0, 13.0, 16.0, 20.0, 21.0, 22.0, 23.0])
    monkeypatch.setattr("fercli.system.stopwatch.perf_counter", lambda: next(times))
    return times


def test_stopwatch__sums_a_stage_and_keeps_the_order_of_first_start():
    watch = Stopwatch()
    for name in ("read", "detect", "read"):
        with watch.stage(name):
            pass
    assert list(watch.seconds) == ["read", "detect"]
    assert watch.seconds == {"read": (13 - 11) + (22 - 21), "detect": 20 - 16}
    assert watch.total_s == 23 - 10


def test_stopwatch__counts_a_stage_that_raises():
    watch = Stopwatch()
    with contextlib.suppress(ValueError), watch.stage("read"):
        raise ValueError
    assert watch.seconds["read"] == 13 - 11
