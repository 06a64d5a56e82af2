"""The processes that train together: which part of a batch each has, and exchange of tensors between them.

With one process everything here does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from fercli.errors import FerError

# Letters: B images of this process, A images of all processes.

T = TypeVar("T")


@dataclass(frozen=True)
class ProcessGroup:
    """This process's rank among `size` processes. Rank 0, the first, writes files, prints and takes decisions."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def part_sizes(self, count: int) -> tuple[int, ...]:
        """Return how many of `count` rows each process has; they differ by one at most."""
        return split_evenly(count, self.size)

    def part_start(self, count: int) -> int:
        """Return the index of the first of `count` rows that this process has."""
        return sum(self.part_sizes(count)[: self.rank])

    def own_part(self, rows: Sequence[T]) -> Sequence[T]:
        """Return this process's part of a batch's rows; the parts in the order of the ranks are the batch."""
        start = self.part_start(len(rows))
        return rows[start : start + self.part_sizes(len(rows))[self.rank]]

    def gather(self, rows: Tensor, sizes: Sequence[int]) -> Tensor:
        """Concatenate the rows [B, ...] of all processes to [A, ...] in the order of the ranks, with gradients."""
        return rows if self.size == 1 else cast(Tensor, _GatherRows.apply(rows, tuple(sizes), self.rank))

    def sum(self, numbers: Tensor) -> Tensor:
        """Return the sum over all processes, without gradients."""
        if self.size > 1:
            numbers = numbers.detach().clone()
            dist.all_reduce(numbers)
        return numbers

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite the tensors of every process with those of the first, in place."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def run_on_first(self, action: Callable[[], T]) -> T:
        """Run `action` in the first process and return its result in all; a FerError is raised in all."""
        if self.size == 1:
            return action()
        message: list[Any] = [None, None]  # result, error
        if self.is_first:
            try:
                message[0] = action()
            except FerError as error:
                message[1] = error
        dist.broadcast_object_list(message, src=0)
        if message[1] is not None:
            raise message[1]
        return cast(T, message[0])


def split_evenly(count: int, parts: int) -> tuple[int, ...]:
    """Return the sizes of `parts` parts of `count` rows; they differ by one at most, the larger ones first."""
    return tuple(count // parts + (part < count % parts) for part in range(parts))


class _GatherRows(torch.autograd.Function):
    """All-gather along the first dimension, of parts that may differ in length; backward sums the gradients of all processes."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: tuple[int, ...], rank: int) -> Tensor:
        if len(rows) != sizes[rank]:
            raise ValueError(f"process {rank} has {len(rows)} rows, expected {sizes[rank]}")
        ctx.start, ctx.count = sum(sizes[:rank]), sizes[rank]
        padded = F.pad(rows, (*[0, 0] * (rows.ndim - 1), 0, max(sizes) - len(rows))).contiguous()
        gathered = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(gathered, padded)
        return torch.cat([part[:size] for part, size in zip(gathered, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        grad = grad.contiguous()
        dist.all_reduce(grad)
        return grad[ctx.start : ctx.start + ctx.count], None, None
