"""The ViT classifier of POSTER++: tokens of all levels to the logits P_VIT."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fercli.config.model import VitConfig

# Letters: B images, T tokens, W width, H heads, D = W / H, N classes.


class SelfAttention(nn.Module):
    """Multi-head self-attention, [B, T, W] -> [B, T, W]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)  # [B, H, T, D]
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    """Pre-norm transformer encoder block, [B, T, W] -> [B, T, W]."""

    def __init__(self, width: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class SqueezeExcitation(nn.Module):
    """A gate on the class token: x * sigmoid(W2 relu(W1 x)), without reduction. [B, W] -> [B, W]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, width)
        self.linear2 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.linear2(F.relu(self.linear1(x))))


class VisionTransformer(nn.Module):
    """Class token, learned positions, blocks, layer norm, gate, linear head.

    conventions: names of further linear heads, one for each label convention beside the default.
    forward: tokens [B, T, W], ordered by level -> logits [B, N] of a convention's head, None for the default one.
    """

    def __init__(
        self, config: VitConfig, *, levels: int, tokens_each: int, num_classes: int, conventions: Sequence[str] = ()
    ) -> None:
        super().__init__()
        width, tokens = config.width, levels * tokens_each
        self.tokens_each = tokens_each
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, tokens + 1, width))
        self.blocks = nn.Sequential(
            *(TransformerBlock(width, config.heads, config.mlp_ratio) for _ in range(config.depth))
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.gate = SqueezeExcitation(width)
        self.head = nn.Linear(width, num_classes)
        self.convention_heads = nn.ModuleDict({name: nn.Linear(width, num_classes) for name in conventions})
        self.level_embed = nn.Parameter(torch.empty(levels, width)) if config.level_embedding else None
        self.token_norm = nn.LayerNorm(width, eps=1e-6) if config.token_norm else None
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=config.init_std)
                nn.init.zeros_(module.bias)
        if self.level_embed is not None:
            nn.init.trunc_normal_(self.level_embed, std=0.02)

    def features(self, tokens: Tensor) -> Tensor:
        """Return the normalised class token [B, W], before gate and head."""
        if self.level_embed is not None:
            tokens = tokens + self.level_embed[:, None].expand(-1, self.tokens_each, -1).flatten(0, 1)
        if self.token_norm is not None:
            tokens = self.token_norm(tokens)
        cls = self.cls_token.expand(tokens.shape[0], -1, -1)
        x = self.blocks(torch.cat((cls, tokens), dim=1) + self.pos_embed)  # [B, 1 + T, W]
        return self.norm(x)[:, 0]

    def gated(self, tokens: Tensor) -> Tensor:
        """Return the input of every head [B, W]."""
        return self.gate(self.features(tokens))

    def forward(self, tokens: Tensor, convention: str | None = None) -> Tensor:
        head = self.head if convention is None else self.convention_heads[convention]
        return head(self.gated(tokens))
