"""Schedules without state, as functions of the epochs done: of the learning rate, and of refined targets."""

from __future__ import annotations

import math

from fercli.config.training import TrainConfig


def lr_factor(config: TrainConfig, epochs_done: float) -> float:
    """Return the factor on the base learning rate after `epochs_done` epochs (a fraction inside an epoch).

    exponential: gamma ** whole epochs, as PyTorch's ExponentialLR stepped once per epoch. cosine: to 0 at the end.
    """
    if epochs_done < config.warmup_epochs:
        return (epochs_done + 1e-3) / config.warmup_epochs
    if config.schedule == "exponential":
        return config.gamma ** int(epochs_done)
    if config.schedule == "cosine":
        return cosine_factor((epochs_done - config.warmup_epochs) / max(1e-9, config.epochs - config.warmup_epochs))
    return 1.0


def refined_share(config: TrainConfig, epochs_done: float) -> float:
    """Return the share of the network's own prediction in the target of L_VIT: 0 before `loss.refine_after` epochs."""
    return config.loss.refine if epochs_done >= config.loss.refine_after else 0.0


def cosine_factor(share: float) -> float:
    """Return half a cosine from 1 to 0; share: how much of the schedule is done, 0..1."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
