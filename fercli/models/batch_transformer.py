"""Class batch attention and the batch transformer, training only: F_MLA and P_VIT to P_CBA and P_BT (BTN, Eq. 3-8)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from fercli.config.model import CbaConfig

# Letters: B images in the batch, A images of all processes' batches (A = B with one process), N classes,
# D = H*W positions of one embedded channel.

Gather = Callable[[Tensor], Tensor]  # rows [B, ...] of this process to the rows [A, ...] of all, gradients included


def class_batch_attention(
    embedding: Tensor, values: Tensor, *, scale: float, keys: Tensor | None = None, masked: int | None = None
) -> Tensor:
    """Mix every image's class scores with those of similar images in the batch (BTN, Eq. 3-5).

    Args: embedding [B, N, D]; keys [A, N, D], left out where they are the embedding; values [A, N]; masked as in
    `batch_attention`.
    Returns [B, N]: column n is a convex mix of column n of `values`.
    """
    weights = batch_attention(embedding, scale=scale, keys=keys, masked=masked)  # [N, B, A]
    return (weights @ values.T.unsqueeze(-1)).squeeze(-1).T


def batch_attention(
    embedding: Tensor, *, scale: float, keys: Tensor | None = None, masked: int | None = None
) -> Tensor:
    """For every class, how much each image (row) listens to each other (column): [N, B, A], rows sum to 1.

    masked: the column of the first image's own key, the others' following it, where none is to listen to itself; an image that
    is alone does.
    """
    queries = embedding.transpose(0, 1)  # [N, B, D]
    listened_to = queries if keys is None else keys.transpose(0, 1)  # [N, A, D]
    scores = queries @ listened_to.mT * scale  # [N, B, A]
    if masked is not None and listened_to.shape[1] > 1:
        own = torch.arange(listened_to.shape[1], device=scores.device) - masked == torch.arange(
            queries.shape[1], device=scores.device
        ).unsqueeze(1)
        scores = scores.masked_fill(own, -math.inf)
    return scores.softmax(dim=-1)


def sinusoidal_encoding(positions: int, channels: int) -> Tensor:
    """Sine and cosine of position / 10000^(2i / channels) (Vaswani et al. 2017), [positions, channels]; any parity."""
    position = torch.arange(positions, dtype=torch.float64)[:, None]
    frequency = torch.exp(torch.arange(0, channels, 2, dtype=torch.float64) * (-math.log(10000.0) / channels))
    encoding = torch.zeros(positions, channels, dtype=torch.float64)
    encoding[:, 0::2] = torch.sin(position * frequency)
    encoding[:, 1::2] = torch.cos(position * frequency)[:, : channels // 2]
    return encoding.float()


class ClassBatchAttention(nn.Module):
    """F_MLA to one map per class, channel positional encoding, attention over the batch.

    forward: features [B, C, H, W], p_vit [B, N] logits -> P_CBA [B, N]; computed in float32 whatever the surroundings.
    `gather` lets the images attend to those of other processes as well, among which their own begin at row `start`.
    P_CBA holds logits; when `value` is `probs`, log probabilities: the mix of Eq. 5, divided by its sum over the classes.
    """

    def __init__(self, config: CbaConfig, *, channels: int, positions: int, num_classes: int, kernel: int) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Conv2d(channels, num_classes, kernel, padding=kernel // 2)
        self.scale = {"sqrt_classes": num_classes**-0.5, "sqrt_dim": positions**-0.5, "none": 1.0}[config.scale]
        self.pe: Tensor | None
        if config.pe == "learned":
            self.pe = nn.Parameter(torch.empty(num_classes, positions))
            nn.init.trunc_normal_(self.pe, std=0.02)
        else:
            fixed = sinusoidal_encoding(num_classes, positions) if config.pe == "sinusoidal" else None
            self.register_buffer("pe", fixed, persistent=False)

    def embedding(self, features: Tensor) -> Tensor:
        """E plus the channel positional encoding, the queries and keys of Eq. 4: [B, N, D]."""
        embedded = self.embed(features).flatten(2)
        return embedded if self.pe is None else embedded + self.pe

    def forward(self, features: Tensor, p_vit: Tensor, gather: Gather | None = None, start: int = 0) -> Tensor:
        # tensors without memory, on which networks are counted, know no autocast
        with torch.autocast("cpu" if p_vit.is_meta else p_vit.device.type, enabled=False):
            embedding = self.embedding(features.float())
            values = p_vit.float().detach() if self.config.detach_value else p_vit.float()
            if self.config.value == "probs":
                values = values.softmax(dim=-1)
            keys, own = None, 0
            if gather is not None and self.config.gather:
                keys, values, own = gather(embedding), gather(values), start
            masked = own if self.config.mask_self else None
            mixed = class_batch_attention(embedding, values, scale=self.scale, keys=keys, masked=masked)
            if self.config.value == "logits":
                return mixed
            return (mixed / mixed.sum(dim=-1, keepdim=True)).clamp_min(1e-12).log()


def batch_transformer(p_cba: Tensor, p_vit: Tensor, *, value: str) -> Tensor:
    """P_BT = P_CBA + P_VIT (BTN, Eq. 8), [B, N]; with `probs` the log of the mean of both distributions."""
    if value == "logits":
        return p_cba + p_vit
    return ((p_cba.exp() + p_vit.float().softmax(dim=-1)) / 2).clamp_min(1e-12).log()
