"""Deterministic kernels are switched on for GPUs only, and switched back."""

from __future__ import annotations

import pytest
import torch

from fercli.train.determinism import deterministic


@pytest.mark.parametrize("enabled", [True, False])
def test_deterministic__sets_torchs_switches_for_a_gpu_and_restores_them(
    enabled: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # the user's own value stays
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    with deterministic(enabled, torch.device("cuda")):
        inside = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    assert inside == (enabled, not enabled)
    assert (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark) == before


def test_deterministic__does_nothing_on_a_cpu():
    with deterministic(True, torch.device("cpu")):
        assert not torch.are_deterministic_algorithms_enabled()
