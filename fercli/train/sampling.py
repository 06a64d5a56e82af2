"""Which images an epoch visits, in which order: a pure function of seed and epoch, so that resuming is exact."""

from __future__ import annotations

import torch
from torch import Tensor

from fercli.config.training import TrainConfig


def generator(*numbers: int) -> torch.Generator:
    """A CPU generator seeded by several numbers, such as seed, epoch and step."""
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 1) % (2**63 - 1)
    return torch.Generator().manual_seed(seed)


def epoch_order(labels: Tensor, config: TrainConfig, epoch: int) -> Tensor:
    """Indices [M] of the images of one epoch, M = len(labels).

    shuffle: every image once. balanced: M draws with replacement, an image of class c with weight n_c ** -balance; with balance 1
    every class is drawn equally often (ImbalancedDatasetSampler's distribution). Images without a label (-1) count
    as a class of their own mean weight.
    """
    draw = generator(config.seed, epoch, 11)
    if config.sampler == "shuffle":
        return torch.randperm(len(labels), generator=draw)
    counts = torch.bincount(labels[labels >= 0]).clamp_min(1).double()
    per_class = counts**-config.balance
    weights = torch.full((len(labels),), float((per_class * counts).sum() / counts.sum()), dtype=torch.float64)
    weights[labels >= 0] = per_class[labels[labels >= 0]]
    return torch.multinomial(weights, len(labels), replacement=True, generator=draw)
