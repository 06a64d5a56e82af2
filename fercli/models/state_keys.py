"""A network's configuration in, every entry of its state dict out: name, shape, kind, and what it is for; no memory."""

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
    """One tensor of a state dict. kind: of a parameter, whether it learns. used_in: training, if inference needs it not.

    What is used in inference is what weights files hold.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    kind: Literal["trained", "frozen", "buffer"]
    used_in: Literal["inference", "training"]


def state_keys(config: BtnConfig, num_classes: int, loss: LossConfig) -> tuple[StateKey, ...]:
    """List the entries of the network that these losses train, in the state dict's own order."""
    with torch.device("meta"):
        model = training_network(config, num_classes, loss)
    parameters, answers = dict(model.named_parameters()), model.inference_state()
    return tuple(
        StateKey(
            name=name,
            shape=tuple(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
            kind=_kind(parameters.get(name)),
            used_in="inference" if name in answers else "training",
        )
        for name, tensor in model.state_dict().items()
    )


def _kind(parameter: nn.Parameter | None) -> Literal["trained", "frozen", "buffer"]:
    if parameter is None:
        return "buffer"
    return "trained" if parameter.requires_grad else "frozen"
