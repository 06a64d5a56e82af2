"""Convert aligned crops to the input of a network in torch, on the network's device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fercli.config.model import InputConfig
from fercli.weights.preprocess import LUMA, check_crops


def input_tensor(crops: NDArray[np.uint8], config: InputConfig, device: torch.device) -> Tensor:
    """Normalise RGB crops uint8 [B, S, S, 3] as `to_input` does, float32 [B, 3, S, S], channels last in memory.

    The crops are copied to the device as they are, with a quarter of the bytes, and normalised there.
    Raises: ValueError for any other type or shape.
    """
    check_crops(crops, config)
    unit = torch.from_numpy(np.ascontiguousarray(crops)).to(device).permute(0, 3, 1, 2).float() / 255  # [B, 3, S, S]
    if config.colour == "grey":
        weights = torch.tensor(LUMA, device=device).view(1, 3, 1, 1)
        unit = (unit * weights).sum(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    mean, std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (config.mean, config.std))
    return (unit - mean) / std
