"""Several processes as one: whose part of a batch is whose, and rows, sums and weights across all of them.

With one process everything here does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from fercli.errors import FerError

# Letters: B images of this process, A images of all processes, C channels.

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """This process's place among all that train together; rank counts from 0, and 0 writes, prints and decides."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def sizes(self, count: int) -> tuple[int, ...]:
        """How many of `count` rows each process has; they differ by one at most."""
        return parts(count, self.size)

    def share(self, rows: Sequence[T]) -> Sequence[T]:
        """This process's part of a batch's rows; the parts of all processes in their order are the batch."""
        sizes = self.sizes(len(rows))
        start = sum(sizes[: self.rank])
        return rows[start : start + sizes[self.rank]]

    def gather(self, rows: Tensor, sizes: Sequence[int]) -> Tensor:
        """Rows [B, ...] to the rows [A, ...] of all processes, in their order; gradients flow back to where rows came from."""
        return rows if self.size == 1 else cast(Tensor, _GatherRows.apply(rows, tuple(sizes), self.rank))

    def total(self, numbers: Tensor) -> Tensor:
        """The sum over all processes, outside of any graph."""
        if self.size > 1:
            numbers = numbers.detach().clone()
            dist.all_reduce(numbers)
        return numbers

    def same(self, tensors: Sequence[Tensor]) -> None:
        """Give every process the first one's values, in place."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def decide(self, action: Callable[[], T]) -> T:
        """Let the first process do something and tell the others what came out; a mistake of the user is raised in all."""
        if self.size == 1:
            return action()
        answer: list[Any] = [None, None]
        if self.first:
            try:
                answer[0] = action()
            except FerError as error:
                answer[1] = error
        dist.broadcast_object_list(answer, src=0)
        if answer[1] is not None:
            raise answer[1]
        return cast(T, answer[0])


def parts(count: int, pieces: int) -> tuple[int, ...]:
    """Cut `count` into `pieces` that differ by one at most, the larger ones first."""
    return tuple(count // pieces + (piece < count % pieces) for piece in range(pieces))


class _GatherRows(torch.autograd.Function):
    """All-gather along the first dimension, of parts that may differ in length; backward sums what every process asks for."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: tuple[int, ...], rank: int) -> Tensor:
        if len(rows) != sizes[rank]:
            raise ValueError(f"process {rank} holds {len(rows)} rows, {sizes[rank]} were agreed")
        ctx.start, ctx.count = sum(sizes[:rank]), sizes[rank]
        padded = F.pad(rows, (*[0, 0] * (rows.ndim - 1), 0, max(sizes) - len(rows))).contiguous()
        pieces = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(pieces, padded)
        return torch.cat([piece[:size] for piece, size in zip(pieces, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        grad = grad.contiguous()
        dist.all_reduce(grad)
        return grad[ctx.start : ctx.start + ctx.count], None, None


class _Sum(torch.autograd.Function):
    """All-reduce; the gradient of a sum that every process uses is the sum of their gradients."""

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


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the images of all processes, on any device; torch's own SyncBatchNorm is for GPUs only."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        values = x.float()
        count = _Sum.apply(torch.tensor(float(values.numel() // values.shape[1]), device=x.device))
        mean = _Sum.apply(values.sum(dim=(0, 2, 3))) / count  # [C]
        centred = values - mean.view(1, -1, 1, 1)
        variance = _Sum.apply(centred.square().sum(dim=(0, 2, 3))) / count  # [C]
        self._remember(mean.detach(), variance.detach() * count / (count - 1).clamp_min(1))
        scaled = centred * torch.rsqrt(variance + self.eps).view(1, -1, 1, 1)
        if self.affine:
            scaled = scaled * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return scaled.to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def synchronise_batch_norm(module: nn.Module, device: torch.device) -> None:
    """Let every trainable batch norm inside `module` see the images of all processes; weights and names stay."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d) and child.weight.requires_grad:
            setattr(module, name, _synchronised(child, device))
        else:
            synchronise_batch_norm(child, device)


def _synchronised(norm: nn.BatchNorm2d, device: torch.device) -> nn.Module:
    kind = nn.SyncBatchNorm if device.type == "cuda" else GlobalBatchNorm2d
    new = kind(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    new.load_state_dict(norm.state_dict())
    return new.to(norm.weight.device)
