"""A frozen expert beside the network: log probabilities of another expression network, added to the logits of some heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fercli.config.model import DEFAULT_HEAD_NAME, ExpertConfig
from fercli.models.expression_network import CLASSES, SIZE, ExpressionNetwork

# Letters: B images, S side of the network's input, N classes of the network, E = 7 classes of the expert.


class Expert(nn.Module):
    """The expression network of face-api.js on a closer crop, with a linear map to the classes for every head that uses it.

    forward: RGB [B, 3, S, S], 0..1, and the name of a head, None for the default one -> what is added to its logits [B, N].
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, config: ExpertConfig, *, size: int, num_classes: int) -> None:
        super().__init__()
        self.network = ExpressionNetwork()
        self.maps = nn.ModuleDict({name: nn.Linear(len(CLASSES), num_classes) for name in config.heads})
        left, top, right, bottom = config.crop
        self.register_buffer("rows", bilinear_samples(top, bottom, size), persistent=False)
        self.register_buffer("columns", bilinear_samples(left, right, size), persistent=False)
        self.requires_grad_(False)

    def forward(self, unit_rgb: Tensor, head: str | None) -> Tensor:
        return self.added(self.log_probabilities(unit_rgb), head)

    def log_probabilities(self, unit_rgb: Tensor) -> Tensor:
        """Return the log probabilities [B, E] of RGB images [B, 3, S, S], 0..1."""
        crop = self.rows @ (255 * unit_rgb) @ self.columns.T  # [B, 3, 112, 112]
        return self.network(crop).log_softmax(dim=1)

    def added(self, log_probabilities: Tensor, head: str | None) -> Tensor:
        """Return what is added to the logits of a head [B, N], from log probabilities [B, E]."""
        return self.maps[head or DEFAULT_HEAD_NAME](log_probabilities)

    def is_used_by(self, head: str | None) -> bool:
        """Whether a head adds the expert's log probabilities; None: the default one."""
        return (head or DEFAULT_HEAD_NAME) in self.maps


def bilinear_samples(start: float, end: float, size: int) -> Tensor:
    """Return the weights [112, S] that sample 112 pixels between two positions, in fractions of a side of S pixels.

    Bilinear between the middles of pixels; the border is repeated.
    """
    steps = (torch.arange(SIZE, dtype=torch.float64) + 0.5) / SIZE
    positions = ((start + (end - start) * steps) * size - 0.5).clamp(0, size - 1)
    offsets = (positions[:, None] - torch.arange(size, dtype=torch.float64)[None]).abs()
    return (1 - offsets).clamp(min=0).float()
