"""Deterministic kernels are switched on for GPUs only, and switched back."""

from __future__ import annotations

import pytest
import torch

from fercli.train.determinism import gpu_switches


@pytest.mark.parametrize("enabled", [True, False])
def test_gpu_switches__are_set_for_a_gpu_and_restored(enabled: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # the user's own value stays
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    with gpu_switches(torch.device("cuda"), deterministic=enabled, tf32=not enabled):
        inside = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
        tf32 = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    assert tf32 == (not enabled, not enabled)
    assert inside == (enabled, not enabled)
    assert (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark) == before


def test_gpu_switches__do_nothing_on_a_cpu():
    with gpu_switches(torch.device("cpu"), deterministic=True, tf32=True):
        assert not torch.are_deterministic_algorithms_enabled()
