"""From uint8 crops to the network's input, with augmentation in training and without in evaluation."""

from __future__ import annotations

import torch
from torch import Tensor

from fercli.config.model import InputConfig
from fercli.config.training import TrainConfig
from fercli.models.btn import BTN
from fercli.train.augment import augment, erase
from fercli.train.random_numbers import BatchRandom

# Letters: B images, S side.


def to_unit(crops: Tensor, config: InputConfig) -> Tensor:
    """Convert uint8 crops [B, 3, S, S] to float 0..1 in channels-last memory, grey where the model wants it (ITU-R 601)."""
    unit = crops.float() / 255
    if config.colour == "grey":
        weights = torch.tensor((0.299, 0.587, 0.114), device=unit.device).view(1, 3, 1, 1)
        unit = (unit * weights).sum(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    return unit.contiguous(memory_format=torch.channels_last)


def normalise(crops: Tensor, config: InputConfig) -> Tensor:
    """(crops - mean) / std for crops [B, 3, S, S] in 0..1."""
    mean, std = (torch.tensor(values, device=crops.device).view(1, 3, 1, 1) for values in (config.mean, config.std))
    return (crops - mean) / std


def training_input(crops: Tensor, model: BTN, config: TrainConfig, random: BatchRandom) -> Tensor:
    """Convert uint8 crops [B, 3, S, S] to the augmented, normalised input of a training step, in the recipe's memory format."""
    augmented = augment(to_unit(crops, model.config.input), config.augment, random)
    images = erase(normalise(augmented, model.config.input), config.augment, random)
    return images.contiguous(memory_format=memory_format(config))


def evaluation_input(crops: Tensor, model: BTN, config: TrainConfig) -> Tensor:
    """Convert uint8 crops [B, 3, S, S] to the normalised input of an evaluation, in the recipe's memory format."""
    unit = to_unit(crops, model.config.input)
    return normalise(unit, model.config.input).contiguous(memory_format=memory_format(config))


def memory_format(config: TrainConfig) -> torch.memory_format:
    """Return the memory format: channels last or contiguous, as in the recipe."""
    return torch.channels_last if config.channels_last else torch.contiguous_format
