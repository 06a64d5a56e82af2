"""mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019): an image and its target mixed with another of the batch.

Letters: B images, N classes, S side.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fercli.config.training import AugmentConfig
from fercli.train.random_numbers import BatchRandom, to_device

_MIXUP_SHARE = (0.5, 1.0)  # of the image itself
_CUTMIX_SIDE = (0.3, 0.7)  # of the rectangle, as a fraction of S


def mix_images(
    images: Tensor, targets: Tensor, classes: int, config: AugmentConfig, random: BatchRandom
) -> tuple[Tensor, Tensor]:
    """Mix some images [B, 3, S, S] and their targets with the image before them; nothing is copied where both are off.

    targets: class indices [B] or distributions [B, N]; mixed targets are distributions, in shares of the pixels. The partner is
    an image of the same process and micro-batch.
    """
    if not (config.mixup or config.cutmix):
        return images, targets
    distributions = targets if targets.ndim == 2 else F.one_hot(targets, classes).float()
    choice = to_device(random.per_image(), images.device)
    shares = to_device(_uniform(random, _MIXUP_SHARE), images.device)
    other = images.roll(1, dims=0)
    blend = torch.where(choice < config.mixup, shares, 1.0).view(-1, 1, 1, 1)
    mixed = images * blend + other * (1 - blend)
    cut = (choice >= config.mixup) & (choice < config.mixup + config.cutmix)
    hole = to_device(_rectangles(images.shape[-1], random), images.device) & cut.view(-1, 1, 1)  # [B, S, S]
    mixed = torch.where(hole.unsqueeze(1), other, mixed)
    own = (blend.flatten() * (1 - hole.float().mean(dim=(1, 2)))).unsqueeze(1)  # [B, 1]
    return mixed, distributions * own + distributions.roll(1, dims=0) * (1 - own)


def left_unmixed(before: Tensor, after: Tensor) -> Tensor:
    """Which targets `mix_images` left as they were, bool [B]: indices [B] or distributions before, distributions after."""
    if before.ndim == 1:
        before = F.one_hot(before, after.shape[1]).float()
    return torch.isclose(before, after).all(dim=1)


def _rectangles(side: int, random: BatchRandom) -> Tensor:
    """One square inside each image, bool [B, S, S]."""
    length = (_uniform(random, _CUTMIX_SIDE) * side).round()
    top = (random.per_image() * (side - length + 1)).floor()
    left = (random.per_image() * (side - length + 1)).floor()
    index = torch.arange(side)
    rows = (index >= top[:, None]) & (index < (top + length)[:, None])  # [B, S]
    columns = (index >= left[:, None]) & (index < (left + length)[:, None])  # [B, S]
    return rows[:, :, None] & columns[:, None, :]


def _uniform(random: BatchRandom, limits: tuple[float, float]) -> Tensor:
    low, high = limits
    return low + (high - low) * random.per_image()
