"""Torch's switches of a training run on a GPU: deterministic kernels and TF32; a CPU needs none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from fercli.system.float32 import float32_products


@contextmanager
def gpu_switches(device: torch.device, *, deterministic: bool, tf32: bool) -> Iterator[None]:
    """Set torch's switches for a GPU and restore them at the end; no effect on a CPU.

    deterministic: allow deterministic kernels only; else cuDNN chooses the fastest. tf32: see `float32_products`.
    """
    if device.type != "cuda":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it is first used
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic
    try:
        with float32_products(tf32=tf32):
            yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
