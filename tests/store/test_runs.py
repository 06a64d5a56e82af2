"""What a run's folder says of the machine."""

from __future__ import annotations

import pytest
import torch

from fercli.store.runs import environment


def test_environment__names_the_gpu_that_computes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Some GPU {device.index}")
    found = environment(torch.device("cuda:1"))
    assert (found["device"], found["gpu"]) == ("cuda:1", "Some GPU 1")
    assert found["cuda"] == torch.version.cuda
    assert found["packages"]["torch"] == torch.__version__.partition("+")[0] or "+" in found["packages"]["torch"]


def test_environment__without_torch_says_nothing_of_devices():
    assert not {"device", "gpu", "cuda", "threads"} & environment().keys()
