"""A network as a module that returns the logits of every label convention, for exporters."""

from __future__ import annotations

from torch import Tensor, nn

from fercli.models.btn import BTN


class EveryConvention(nn.Module):
    """forward: images [B, 3, S, S] -> P_VIT [B, N] of the default head, then of every head of config.conventions."""

    def __init__(self, model: BTN) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return self.model.forward_conventions(images)
