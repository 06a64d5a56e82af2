"""Stages and their seconds."""

from __future__ import annotations

import contextlib
from time import sleep

import pytest

from fercli.system.stopwatch import Stopwatch


def test_stopwatch__sums_a_stage_and_keeps_the_order_of_first_start():
    watch = Stopwatch()
    for name in ("read", "detect", "read"):
        with watch.stage(name):
            sleep(0.01)
    assert list(watch.seconds) == ["read", "detect"]
    assert watch.seconds["read"] >= 0.02
    assert watch.total_s >= sum(watch.seconds.values())


def test_stopwatch__counts_a_stage_that_raises():
    watch = Stopwatch()
    with contextlib.suppress(ValueError), watch.stage("read"):
        sleep(0.01)
        raise ValueError
    assert watch.seconds["read"] == pytest.approx(0.01, abs=0.5)
