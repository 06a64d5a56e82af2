"""Around the step: crops to what the network is fed, the recipe's optimizer, answers without gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fercli.config.model import InputConfig
from fercli.config.training import TrainConfig
from fercli.models.btn import BTN
from fercli.train.augment import Draws, augment, erase

# Letters: B images, N classes, S side.


def make_optimizer(model: BTN, config: TrainConfig) -> torch.optim.Optimizer:
    """The recipe's optimizer over the trainable weights, with `backbone_lr` applied to the image branch.

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


def normalise(crops: Tensor, config: InputConfig) -> Tensor:
    """(crops - mean) / std for crops [B, 3, S, S] in 0..1."""
    mean, std = (torch.tensor(values, device=crops.device).view(1, 3, 1, 1) for values in (config.mean, config.std))
    return (crops - mean) / std


def to_unit(crops: Tensor, config: InputConfig) -> Tensor:
    """uint8 crops [B, 3, S, S] to float 0..1 in channels-last memory, grey where the model wants it (ITU-R 601)."""
    unit = crops.float() / 255
    if config.colour == "grey":
        weights = torch.tensor((0.299, 0.587, 0.114), device=unit.device).view(1, 3, 1, 1)
        unit = (unit * weights).sum(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    return unit.contiguous(memory_format=torch.channels_last)


def prepare_batch(crops: Tensor, model: BTN, config: TrainConfig, draws: Draws) -> Tensor:
    """uint8 crops [B, 3, S, S] to the augmented, normalised input of a training step, in the recipe's memory order."""
    changed = augment(to_unit(crops, model.config.input), config.augment, draws)
    images = erase(normalise(changed, model.config.input), config.augment, draws)
    return images.contiguous(memory_format=memory_format(config))


def prepare_unchanged(crops: Tensor, model: BTN, config: TrainConfig) -> Tensor:
    """uint8 crops [B, 3, S, S] to the normalised input of an answer that is to be scored."""
    unit = to_unit(crops, model.config.input)
    return normalise(unit, model.config.input).contiguous(memory_format=memory_format(config))


def memory_format(config: TrainConfig) -> torch.memory_format:
    """The order in which pictures and convolutions lie in memory."""
    return torch.channels_last if config.channels_last else torch.contiguous_format


@torch.inference_mode()
def predict_logits(model: BTN, images: Tensor) -> Tensor:
    """P_VIT [B, N] of normalised images in evaluation mode, float32 on the CPU."""
    model.eval()
    return model(images).float().cpu()
