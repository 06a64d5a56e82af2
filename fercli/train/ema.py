"""Exponential moving average of a model's weights and batch norm statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

_Tensors = list[Tensor] | tuple[Tensor, ...]


def averaged_model(model: nn.Module, decay: float) -> AveragedModel:
    """Return a copy of the model whose `update_parameters(model)` averages parameters and buffers; integer buffers are copied.

    Early updates use the smaller decay (1 + n) / (10 + n) of update n, so that the random start is forgotten.
    """

    @torch.no_grad()
    def update(averaged: _Tensors, current: _Tensors, _updates: Tensor | int) -> None:
        if averaged[0].is_floating_point():
            number = int(
                average.n_averaged
            )  # on the CPU; `_updates` is a copy on the device, which would have to be waited for
            torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + number) / (10 + number)))
        else:
            torch._foreach_copy_(averaged, current)

    average = AveragedModel(model, multi_avg_fn=update, use_buffers=True)
    average.n_averaged.fill_(1)  # at 0 the first update would copy the model
    return average
