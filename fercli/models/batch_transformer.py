"""The batch transformer (BT) with class batch attention (CBA), training only: the levels and P_VIT to P_CBA and P_BT.

Each image's class scores are mixed with those of similar images of the same batch (BTN, Fig. 3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fercli.config.model import BtnConfig, CbaConfig
from fercli.models.cross_attention import Levels
from fercli.models.mla import MultiLevelAttention

# Letters: B images in the batch, A images in the batches of all processes (A = B with one process), N classes,
# D = H*W positions of one embedded channel.

Gather = Callable[[Tensor], Tensor]  # rows [B, ...] of this process to the rows [A, ...] of all, gradients included

MAX_LOGIT_SCALE = 100.0  # of cosine similarity, as in CLIP (Radford et al. 2021); the minimum is 1


class BatchMix(NamedTuple):
    """Class scores mixed over the batch: P_CBA and P_BT [B, N], and the attention scores before the softmax [N, B, A].

    A masked image has the score -inf. values: what was mixed, [A, N].
    """

    p_cba: Tensor
    p_bt: Tensor
    scores: Tensor
    values: Tensor


def class_batch_attention(
    embedding: Tensor,
    values: Tensor,
    *,
    scale: float | Tensor,
    keys: Tensor | None = None,
    self_offset: int | None = None,
) -> Tensor:
    """Mix every image's class scores with those of similar images in the batch: CBA (BTN, Eq. 3-5).

    Args: embedding [B, N, D], the queries; keys [A, N, D], default: the embedding; values [A, N]; self_offset:
    see `batch_attention`.
    Returns [B, N]: column n is o_n (BTN, Eq. 4), a convex combination of column n of `values`.
    """
    return mix_values(attention_scores(embedding, scale=scale, keys=keys, self_offset=self_offset), values)


def batch_attention(
    embedding: Tensor, *, scale: float | Tensor, keys: Tensor | None = None, self_offset: int | None = None
) -> Tensor:
    """Return the attention weights of every class, from each image (row) to each image (column): [N, B, A], rows sum to 1.

    Arguments as in `attention_scores`.
    """
    return attention_scores(embedding, scale=scale, keys=keys, self_offset=self_offset).softmax(dim=-1)


def mix_values(scores: Tensor, values: Tensor) -> Tensor:
    """Return o_n (BTN, Eq. 4) of every class, [B, N]: the mean of `values` [A, N] weighted by softmax(scores), [N, B, A]."""
    return (scores.softmax(dim=-1) @ values.T.unsqueeze(-1)).squeeze(-1).T


def attention_scores(
    embedding: Tensor, *, scale: float | Tensor, keys: Tensor | None = None, self_offset: int | None = None
) -> Tensor:
    """Return the scaled products of queries and keys, class by class, before the softmax: [N, B, A].

    self_offset: column of image 0's own key (image i: self_offset + i), which is masked; None: no mask. An image that is
    alone in its batch still attends to itself.
    """
    queries = embedding.transpose(0, 1)  # [N, B, D]
    all_keys = queries if keys is None else keys.transpose(0, 1)  # [N, A, D]
    scores = queries @ all_keys.mT * scale  # [N, B, A]
    if self_offset is not None and all_keys.shape[1] > 1:
        own = torch.arange(all_keys.shape[1], device=scores.device) - self_offset == torch.arange(
            queries.shape[1], device=scores.device
        ).unsqueeze(1)
        scores = scores.masked_fill(own, -math.inf)
    return scores


def centred_directions(embedding: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Subtract the mean of the keys [A, N, D] over the batch from queries [B, N, D] and keys, and scale both to length 1.

    Their products are then cosines. What all images of a batch share, the positional encoding included, drops out.
    """
    centre = keys.mean(dim=0)
    return F.normalize(embedding - centre, dim=-1), F.normalize(keys - centre, dim=-1)


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

    forward: features [B, C, H, W], p_vit [B, N] logits -> BatchMix; computed in float32 under autocast too.
    `gather` lets the images attend to those of other processes as well; the rows of this process begin at `start`.
    P_CBA holds logits; with cba.value = probs log probabilities: the mixed probabilities divided by their sum over the classes.
    With cba.similarity = cosine the scores are exp(log_scale) times the cosine of centred embeddings.
    """

    def __init__(self, config: CbaConfig, *, channels: int, positions: int, num_classes: int, kernel: int) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Conv2d(channels, num_classes, kernel, padding=kernel // 2)
        self.dot_scale = {"sqrt_classes": num_classes**-0.5, "sqrt_dim": positions**-0.5, "none": 1.0}[config.scale]
        self.log_scale: nn.Parameter | None = None
        if config.similarity == "cosine":
            self.log_scale = nn.Parameter(torch.tensor(math.log(config.logit_scale)))
        self.pe: Tensor | None
        if config.pe == "learned":
            self.pe = nn.Parameter(torch.empty(num_classes, positions))
            nn.init.trunc_normal_(self.pe, std=0.02)
        else:
            fixed = sinusoidal_encoding(num_classes, positions) if config.pe == "sinusoidal" else None
            self.register_buffer("pe", fixed, persistent=False)

    @property
    def scale(self) -> float | Tensor:
        """The factor of queries times keys: fixed for dot products, learned for cosines and clamped to 1..100."""
        if self.log_scale is None:
            return self.dot_scale
        return self.log_scale.clamp(0.0, math.log(MAX_LOGIT_SCALE)).exp()

    def embedding(self, features: Tensor) -> Tensor:
        """Return E [B, N, D] = flattened convolution of F_MLA (BTN, Eq. 8), plus the encoding."""
        embedded = self.embed(features).flatten(2)
        return embedded if self.pe is None else embedded + self.pe

    def directions(self, embedding: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and keys from the embeddings of this process [B, N, D] and of the whole batch [A, N, D]."""
        return (embedding, keys) if self.log_scale is None else centred_directions(embedding, keys)

    def forward(self, features: Tensor, p_vit: Tensor, gather: Gather | None = None, start: int = 0) -> BatchMix:
        # meta tensors, which count_network runs on, have no autocast
        with torch.autocast("cpu" if p_vit.is_meta else p_vit.device.type, enabled=False):
            return self.mix(self.embedding(features.float()), p_vit, gather, start)

    def mix(self, embedding: Tensor, p_vit: Tensor, gather: Gather | None = None, start: int = 0) -> BatchMix:
        """Return P_CBA (BTN, Eq. 7) and P_BT of images whose embedding [B, N, D] and P_VIT [B, N] are known."""
        self._limit_scale()
        values = p_vit.float().detach() if self.config.detach_value else p_vit.float()
        if self.config.value == "probs":
            values = values.softmax(dim=-1)
        keys, own = embedding, 0
        if gather is not None and self.config.gather:
            keys, values, own = gather(embedding), gather(values), start
        queries, keys = self.directions(embedding, keys)
        self_offset = own if self.config.mask_self else None
        scores = attention_scores(queries, scale=self.scale, keys=keys, self_offset=self_offset)
        p_cba = self.logits(scores, values)
        return BatchMix(p_cba, sum_logits(p_cba, p_vit, value=self.config.value), scores, values)

    def logits(self, scores: Tensor, values: Tensor) -> Tensor:
        """Return P_CBA [B, N] of scores [N, B, A] before the softmax and values [A, N]."""
        mixed = mix_values(scores, values)
        if self.config.value == "probs":
            return (mixed / mixed.sum(dim=-1, keepdim=True)).clamp_min(1e-12).log()
        return mixed

    def permuted_logits(self, mix: BatchMix) -> Tensor:
        """Return P_CBA [B, N], without gradient, with every image's values replaced by those of the image before it.

        A control: the order of a batch is random, so attention keeps its weights but no longer goes to similar images.
        """
        return self.logits(mix.scores.detach(), mix.values.detach().roll(1, dims=0))

    def _limit_scale(self) -> None:
        """Move the learned scale back into its range: beyond a limit it would get no gradient any more."""
        if self.log_scale is not None and self.training:
            with torch.no_grad():
                self.log_scale.clamp_(0.0, math.log(MAX_LOGIT_SCALE))


class BatchTransformer(nn.Module):
    """MLA, class batch attention and the sum with P_VIT.

    forward: levels, p_vit [B, N] -> BatchMix; gather and start as in ClassBatchAttention. With batch.detach the levels get
    no gradient from here.
    """

    def __init__(self, config: BtnConfig, num_classes: int) -> None:
        super().__init__()
        self.detach = config.batch.detach
        self.mla = MultiLevelAttention(config) if config.batch_reads_mla else None
        self.cba = ClassBatchAttention(
            config.cba,
            channels=config.image.widths[2],
            positions=config.level_sides[2] ** 2,
            num_classes=num_classes,
            kernel=config.embed.kernel,
        )

    def features(self, levels: Levels) -> Tensor:
        """Return F_MLA, or S3 for the paper's "BT only" row: [B, C, s/4, s/4]."""
        if self.detach:
            levels = Levels(*(level.detach() for level in levels))
        return levels.high if self.mla is None else self.mla(*levels)

    def embedding(self, levels: Levels) -> Tensor:
        """Return the queries and keys of class batch attention: [B, N, D]."""
        return self.cba.embedding(self.features(levels))

    def forward(self, levels: Levels, p_vit: Tensor, gather: Gather | None = None, start: int = 0) -> BatchMix:
        mix: BatchMix = self.cba(self.features(levels), p_vit, gather, start)
        return mix


def sum_logits(p_cba: Tensor, p_vit: Tensor, *, value: str) -> Tensor:
    """P_BT = P_CBA + P_VIT (BTN, Eq. 6), [B, N]; with `probs` the log of the mean of both distributions."""
    if value == "logits":
        return p_cba + p_vit
    return ((p_cba.exp() + p_vit.float().softmax(dim=-1)) / 2).clamp_min(1e-12).log()
