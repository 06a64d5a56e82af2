"""Joining a process group; groups of several processes are tested in test_killed.py."""

from __future__ import annotations

import pytest
import torch

from fercli.train.process_group import ProcessGroup
from fercli.train.torchrun import join_process_group


def test_join_process_group__without_torchrun_is_one_process(monkeypatch: pytest.MonkeyPatch):
    for variable in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(variable, raising=False)
    with join_process_group("cpu") as (group, device):
        assert (group, device) == (ProcessGroup(0, 1), torch.device("cpu"))
    assert not torch.distributed.is_initialized()
