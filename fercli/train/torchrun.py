"""Joining the processes that torchrun started, as its environment variables describe them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from fercli.system.devices import process_rank, resolve_device
from fercli.train.process_group import ProcessGroup

_TIMEOUT = timedelta(hours=2)  # one process waits for another, which may be writing a file or reading a data set


@contextmanager
def join_process_group(device: str) -> Iterator[tuple[ProcessGroup, torch.device]]:
    """Join the processes that torchrun started, each on a GPU of its own (NCCL) or all on the CPU (gloo).

    device: auto | cpu | cuda; auto and cuda take the GPU with this process's number on its machine.
    Raises: DeviceError if there are fewer GPUs than processes.
    """
    process = process_rank()
    if process is None:
        yield ProcessGroup(), resolve_device(device)
        return
    rank, size, local_rank = process
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    own_device = resolve_device(f"cuda:{local_rank}" if on_gpu else "cpu")
    if on_gpu:
        torch.cuda.set_device(own_device)
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=_TIMEOUT)
    try:
        yield ProcessGroup(rank, size), own_device
    finally:
        dist.destroy_process_group()
