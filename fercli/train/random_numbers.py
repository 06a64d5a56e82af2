"""Random numbers of training: seeded generators, and random values for the images of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Letters: B images of this process.


def seeded_generator(*numbers: int) -> torch.Generator:
    """Return a CPU generator seeded by several numbers, such as seed, epoch and step."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 1) % (2**63 - 1)
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class BatchRandom:
    """Random values for B images, rows `start` to `start + images` of a batch of `batch_size` images.

    Values are sampled for the whole batch and cut, so they do not depend on the number of processes. `generator` is on the CPU,
    so they do not depend on the device either.
    """

    generator: torch.Generator
    images: int
    start: int = 0
    batch_size: int | None = None

    def per_image(self) -> Tensor:
        """Return one uniform value in 0..1 for every image, [B]."""
        size = self.images if self.batch_size is None else self.batch_size
        return torch.rand(size, generator=self.generator)[self.start : self.start + self.images]

    def per_image_symmetric(self, limit: float) -> Tensor:
        """Return one uniform value in -limit..limit for every image, [B]."""
        return (self.per_image() * 2 - 1) * limit

    def per_batch(self) -> float:
        """Return one uniform value in 0..1 for the batch."""
        return torch.rand(1, generator=self.generator).item()


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Copy random values from the CPU to the device of the images; through pinned memory the CPU does not wait for a GPU."""
    if device.type == "cuda" and torch.cuda.is_available():
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)
