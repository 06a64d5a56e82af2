"""Cross-attention X(Q, KV) between two feature maps of the same size (POSTER++, Fig. 3)."""

from __future__ import annotations

import contextlib
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torchvision.ops import StochasticDepth

# Letters: B images, C channels, H heads, D channels per head, S side of the map, T = S*S positions; s side of level 1.


class Levels(NamedTuple):
    """S1, S2, S3: the output of cross-attention at each level, [B, c1, s, s], [B, c2, s/2, s/2], [B, c3, s/4, s/4]."""

    low: Tensor
    middle: Tensor
    high: Tensor


class CrossAttention(nn.Module):
    """Attention of unprojected queries to projected keys and values, with a learned relative-position bias.

    The map is one window: POSTER++ cuts windows of exactly the map's size, so its "window" attention is global.
    forward: query [B, T, C], key_value [B, T, C] -> [B, T, C].
    """

    relative_position: Tensor

    def __init__(self, channels: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.kv = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)
        self.bias_table = nn.Parameter(torch.empty((2 * side - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias_table, std=0.02)
        self.register_buffer("relative_position", _relative_position(side), persistent=False)

    def forward(self, query: Tensor, key_value: Tensor) -> Tensor:
        q = query.unflatten(2, (self.heads, -1)).transpose(1, 2)  # [B, H, T, D]
        k, v = self.kv(key_value).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)  # [B, H, T, D]
        # contiguous: fused kernels read a mask only if its last stride is 1
        bias = self.bias_table[self.relative_position].permute(2, 0, 1).contiguous()  # [H, T, T]
        with _differentiable_kernels(q):
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.unsqueeze(0).to(q.dtype))  # scale D ** -0.5
        return self.proj(mixed.transpose(1, 2).flatten(2))


def _differentiable_kernels(query: Tensor) -> contextlib.AbstractContextManager[None]:
    """On a GPU, use only kernels that give the mask a gradient: cuDNN's does not, and torch may prefer it (sm_90, bf16)."""
    if query.device.type != "cuda" or torch.compiler.is_compiling():
        return contextlib.nullcontext()
    return sdpa_kernel([SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])


def _relative_position(side: int) -> Tensor:
    """Row of the bias table for every pair of positions, int64 [T, T]."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    y, x = y.flatten(), x.flatten()
    dy = y[:, None] - y[None, :] + side - 1
    dx = x[:, None] - x[None, :] + side - 1
    return dy * (2 * side - 1) + dx


class CrossAttentionBlock(nn.Module):
    """One level: z = y + g1 * attention(Q, y), then z + g2 * MLP(LN(z)), with y = LN(KV).

    residual: what the attention is added to: `kv` (y, as in POSTER++), `query`, or `none` (attention and projection only).
    forward: query_map, kv_map [B, C, S, S] -> [B, C, S, S].
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        *,
        side: int,
        drop_path: float,
        layer_scale: float,
        ffn: bool = True,
        mlp_ratio: float = 4.0,
        residual: Literal["kv", "query", "none"] = "kv",
    ) -> None:
        super().__init__()
        self.residual = residual
        self.norm_kv = nn.LayerNorm(channels)
        self.attention = CrossAttention(channels, heads, side)
        self.gamma1 = nn.Parameter(torch.full((channels,), layer_scale)) if residual != "none" else None
        self.drop_path = StochasticDepth(drop_path, mode="row")
        self.ffn: nn.Module | None = None
        if ffn:
            self.norm_ffn = nn.LayerNorm(channels)
            hidden = int(channels * mlp_ratio)
            self.ffn = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels))
            self.gamma2 = nn.Parameter(torch.full((channels,), layer_scale))

    def forward(self, query_map: Tensor, kv_map: Tensor) -> Tensor:
        query = query_map.flatten(2).transpose(1, 2)  # [B, T, C]
        y = self.norm_kv(kv_map.flatten(2).transpose(1, 2))  # [B, T, C]
        z = self.attention(query, y)
        if self.gamma1 is not None:
            z = (y if self.residual == "kv" else query) + self.drop_path(self.gamma1 * z)
        if self.ffn is not None:
            z = z + self.drop_path(self.gamma2 * self.ffn(self.norm_ffn(z)))
        return z.transpose(1, 2).unflatten(2, (kv_map.shape[2], kv_map.shape[3]))
