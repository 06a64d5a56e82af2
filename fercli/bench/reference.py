"""A BTN computed as the public baseline computes it, as a reference for speed.

POSTER++'s published code runs eagerly in torch: it resizes by interpolation, splits maps into windows (of the map's own size),
computes attention as product, bias, softmax and product, and indexes the bias table for every batch.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fercli.models.btn import BTN
from fercli.models.cross_attention import CrossAttention

# Letters: B images, C channels, S side of a map, T = S*S positions, H heads, D channels per head, W width of the ViT.


class ReferenceBTN(nn.Module):
    """The inference part of a BTN with the same weights and logits. forward: images [B, 3, S, S] -> logits [B, N]."""

    def __init__(self, model: BTN) -> None:
        super().__init__()
        if model.ablation is not None or model.config.resize_mode != "nearest":
            raise ValueError("the reference computes the normal model, whose images are resized to the nearest pixel")
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        model, side = self.model, self.model.config.backbone_size
        x = F.interpolate(images, size=(side, side))
        taps, maps = model.landmark_taps(x), model.image_backbone(x)
        low, middle, high = (
            _level(model.cross[level], model.landmark_convs[level](taps[level]), model.tap_convs[level](maps[level]))
            for level in range(3)
        )
        embedded = (model.embed_low(low), model.embed_middle(middle), model.embed_high(high))
        tokens = torch.cat([feature.flatten(2).transpose(1, 2) for feature in embedded], dim=1)  # [B, T, W]
        cls = model.vit.cls_token.expand(len(images), -1, -1)
        tokens = torch.cat((cls, tokens), dim=1) + model.vit.pos_embed
        for block in model.vit.blocks:
            tokens = _transformer(block, tokens)
        return model.vit.head(model.vit.gate(model.vit.norm(tokens)[:, 0]))


def _level(block: Any, query_map: Tensor, kv_map: Tensor) -> Tensor:
    """A CrossAttentionBlock on [B, C, S, S] maps, computed over windows."""
    side, channels = kv_map.shape[2], kv_map.shape[1]
    query, y = _window(query_map), block.norm_kv(_window(kv_map))
    z = y + block.gamma1 * _cross_attention(block.attention, query, y)
    z = z + block.gamma2 * block.ffn(block.norm_ffn(z))
    whole = z.view(-1, 1, 1, side, side, channels).permute(0, 1, 3, 2, 4, 5).reshape(-1, side, side, channels)
    return whole.permute(0, 3, 1, 2).contiguous()


def _window(feature_map: Tensor) -> Tensor:
    """The single window of a map [B, C, S, S], as rows of positions [B, T, C]."""
    rows = feature_map.permute(0, 2, 3, 1).contiguous()  # [B, S, S, C]
    batch, side, _, channels = rows.shape
    windows = rows.view(batch, 1, side, 1, side, channels).permute(0, 1, 3, 2, 4, 5).contiguous()
    return windows.view(batch, side * side, channels)


def _cross_attention(attention: CrossAttention, query: Tensor, key_value: Tensor) -> Tensor:
    batch, positions, channels = query.shape
    heads, width = attention.heads, channels // attention.heads
    q = query.reshape(batch, positions, heads, width).permute(0, 2, 1, 3)  # [B, H, T, D]
    kv = attention.kv(key_value).reshape(batch, positions, 2, heads, width).permute(2, 0, 3, 1, 4)
    scores = (q * width**-0.5) @ kv[0].transpose(-2, -1)  # [B, H, T, T]
    bias = attention.bias_table[attention.relative_position.view(-1)].view(positions, positions, -1)
    scores = scores + bias.permute(2, 0, 1).contiguous().unsqueeze(0)
    mixed = (scores.softmax(dim=-1) @ kv[1]).transpose(1, 2).reshape(batch, positions, channels)
    return attention.proj(mixed)


def _transformer(block: Any, x: Tensor) -> Tensor:
    """A TransformerBlock with explicit attention, [B, T, W] -> [B, T, W]."""
    attention, normed = block.attention, block.norm1(x)
    batch, tokens, width = x.shape
    qkv = attention.qkv(normed).reshape(batch, tokens, 3, attention.heads, -1).permute(2, 0, 3, 1, 4)
    scores = (qkv[0] @ qkv[1].transpose(-2, -1)) * qkv[0].shape[-1] ** -0.5
    x = x + attention.proj((scores.softmax(dim=-1) @ qkv[2]).transpose(1, 2).reshape(batch, tokens, width))
    return x + block.mlp(block.norm2(x))
