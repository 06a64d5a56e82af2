"""The optimizer of a recipe, its parameter groups and learning rate."""

from __future__ import annotations

import torch
from torch import nn

from fercli.config.training import TrainConfig
from fercli.models.btn import BTN


def make_optimizer(model: BTN, config: TrainConfig) -> torch.optim.Optimizer:
    """Return the recipe's optimizer over the trainable weights, with `backbone_lr` applied to the image branch.

    Every group keeps its factor in `lr_scale`; norms, biases and single vectors get no weight decay.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            scale = config.backbone_lr if name.startswith("image_backbone.") else 1.0
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((scale, decay), []).append(parameter)
    settings = [
        {"params": parameters, "lr": config.lr * scale, "lr_scale": scale, "weight_decay": decay}
        for (scale, decay), parameters in groups.items()
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(settings, lr=config.lr, momentum=config.momentum, nesterov=config.momentum > 0)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(settings, lr=config.lr, betas=config.betas, eps=config.eps)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group `lr` times its own factor."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]


def learning_rate(optimizer: torch.optim.Optimizer) -> float:
    """Return the learning rate that is reported: the last group's, which is not scaled down for the image branch."""
    return float(optimizer.param_groups[-1]["lr"])
