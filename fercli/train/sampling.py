"""The order of the training images in an epoch, a pure function of seed and epoch so that resuming is exact."""

from __future__ import annotations

import torch
from torch import Tensor

from fercli.config.training import TrainConfig
from fercli.train.random_numbers import seeded_generator


def epoch_order(labels: Tensor, config: TrainConfig, epoch: int) -> Tensor:
    """Return the indices [M] of the images of one epoch, M = len(labels).

    shuffle: every image once. balanced: M samples with replacement, an image of class c with weight n_c ** -balance; with
    balance 1 every class is sampled equally often (ImbalancedDatasetSampler's distribution). Images without a label (-1) have
    the mean weight of the labelled images.
    """
    generator = seeded_generator(config.seed, epoch, 11)
    if config.sampler == "shuffle":
        return torch.randperm(len(labels), generator=generator)
    counts = torch.bincount(labels[labels >= 0]).clamp_min(1).double()
    class_weights = counts**-config.balance
    mean_weight = float((class_weights * counts).sum() / counts.sum())
    weights = torch.full((len(labels),), mean_weight, dtype=torch.float64)
    weights[labels >= 0] = class_weights[labels[labels >= 0]]
    return torch.multinomial(weights, len(labels), replacement=True, generator=generator)
