"""Seconds and peaks by stage."""

from __future__ import annotations

import pytest
import torch

from fercli.train.stage_meter import StageMeter


def test_stage__adds_up_seconds_also_of_a_body_that_raises(monkeypatch: pytest.MonkeyPatch):
    times = iter([100.0, 102.0, 200.0, 203.0])
    monkeypatch.setattr("fercli.train.stage_meter.perf_counter", lambda: next(times))
    seconds: dict[str, float] = {"step": 10.0}
    peaks: dict[str, int] = {}
    meter = StageMeter(torch.device("cpu"), seconds, peaks)

    def fail() -> None:
        with meter.stage("step"):
            raise ValueError("inside")

    for _ in range(2):
        with pytest.raises(ValueError, match="inside"):
            fail()
    assert seconds["step"] == 10 + 2 + 3
    # this process has torch loaded, so it has held more than 50 MB and less than 100 GB
    assert 50e6 < peaks["step"] < 100e9


def test_stage__keeps_the_largest_peak():
    peaks = {"save": 2**62}
    with StageMeter(torch.device("cpu"), {}, peaks).stage("save"):
        pass
    assert peaks["save"] == 2**62
