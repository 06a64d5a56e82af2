"""The entries of a network's state dict: name, shape, kind and use, from its configuration alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from fercli.config.model import BtnConfig
from fercli.config.training import LossConfig
from fercli.models.btn import training_network


@dataclass(frozen=True)
class StateKey:
    """One tensor of a state dict. kind: whether a parameter is trained or frozen, or a buffer.

    used_in: `inference` for the tensors of weights files, `training` for the others.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    kind: Literal["trained", "frozen", "buffer"]
    used_in: Literal["inference", "training"]


def state_keys(config: BtnConfig, num_classes: int, loss: LossConfig) -> tuple[StateKey, ...]:
    """List the entries of the network that these losses need, in the order of its state dict."""
    with torch.device("meta"):
        model = training_network(config, num_classes, loss)
    parameters, inference = dict(model.named_parameters()), model.inference_state()
    return tuple(
        StateKey(
            name=name,
            shape=tuple(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
            kind=_kind(parameters.get(name)),
            used_in="inference" if name in inference else "training",
        )
        for name, tensor in model.state_dict().items()
    )


def _kind(parameter: nn.Parameter | None) -> Literal["trained", "frozen", "buffer"]:
    if parameter is None:
        return "buffer"
    return "trained" if parameter.requires_grad else "frozen"
