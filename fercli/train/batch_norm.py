"""Batch norm in training: over the images of all processes, and without an update of its running statistics."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

# Letters: C channels.


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the images of all processes, on any device; torch's own SyncBatchNorm supports GPUs only."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        values = x.float()
        count = _AllReduceSum.apply(torch.tensor(float(values.numel() // values.shape[1]), device=x.device))
        mean = _AllReduceSum.apply(values.sum(dim=(0, 2, 3))) / count  # [C]
        centred = values - mean.view(1, -1, 1, 1)
        variance = _AllReduceSum.apply(centred.square().sum(dim=(0, 2, 3))) / count  # [C]
        self._update_statistics(mean.detach(), variance.detach() * count / (count - 1).clamp_min(1))
        scaled = centred * torch.rsqrt(variance + self.eps).view(1, -1, 1, 1)
        if self.affine:
            scaled = scaled * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return scaled.to(x.dtype)

    @torch.no_grad()
    def _update_statistics(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        weight = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(variance, weight)


def synchronise_batch_norm(module: nn.Module, device: torch.device) -> None:
    """Replace every trainable batch norm inside `module` by one over the images of all processes, with the same weights."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d) and child.weight.requires_grad:
            setattr(module, name, _synchronised(child, device))
        else:
            synchronise_batch_norm(child, device)


@contextlib.contextmanager
def frozen_statistics(model: nn.Module, *, frozen: bool = True) -> Iterator[None]:
    """Inside the context batch norm still normalises by the batch, but does not update its running statistics."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)] if frozen else []
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum


def _synchronised(norm: nn.BatchNorm2d, device: torch.device) -> nn.Module:
    kind = nn.SyncBatchNorm if device.type == "cuda" else GlobalBatchNorm2d
    new = kind(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    new.load_state_dict(norm.state_dict())
    return new.to(norm.weight.device)


class _AllReduceSum(torch.autograd.Function):
    """All-reduce with gradients: the gradient of a sum that every process uses is the sum of their gradients."""

    @staticmethod
    def forward(_ctx: Any, numbers: Tensor) -> Tensor:
        numbers = numbers.contiguous().clone()
        dist.all_reduce(numbers)
        return numbers

    @staticmethod
    def backward(_ctx: Any, grad: Tensor) -> Tensor:
        grad = grad.contiguous().clone()
        dist.all_reduce(grad)
        return grad
