"""Where this process stands among those that torchrun started, which tells each in its environment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from fercli.system.devices import process_rank, resolve_device
from fercli.train.distributed import World

_PATIENCE = timedelta(hours=2)  # how long one process waits for another, which may be writing or reading a data set


@contextmanager
def open_world(device: str) -> Iterator[tuple[World, torch.device]]:
    """Join the processes that torchrun started, each on a GPU of its own (NCCL) or all on the CPU (gloo).

    device: auto | cpu | cuda; auto and cuda take the GPU with this process's number on its machine.
    Raises: DeviceError where there are fewer GPUs than processes.
    """
    place = process_rank()
    if place is None:
        yield World(), resolve_device(device)
        return
    rank, size, local_rank = place
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    where = resolve_device(f"cuda:{local_rank}" if on_gpu else "cpu")
    if on_gpu:
        torch.cuda.set_device(where)
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=_PATIENCE)
    try:
        yield World(rank, size), where
    finally:
        dist.destroy_process_group()
