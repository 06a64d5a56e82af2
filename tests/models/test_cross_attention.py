"""Cross-attention: its residual side and its relative positions."""

from __future__ import annotations

import pytest
import torch

from fercli.models.cross_attention import CrossAttention, CrossAttentionBlock


@pytest.mark.parametrize("residual", ["kv", "query", "none"])
def test_cross_attention__with_a_layer_scale_of_zero_is_its_residual_side(residual: str):
    block = CrossAttentionBlock(8, 2, side=3, drop_path=0.0, layer_scale=0.0, ffn=False, residual=residual)
    query, kv = torch.randn(2, 8, 3, 3), torch.randn(2, 8, 3, 3)
    normalised = torch.nn.functional.layer_norm(kv.permute(0, 2, 3, 1), (8,)).permute(0, 3, 1, 2)
    if residual == "none":  # nothing to fall back on: the attention itself, unscaled
        assert not torch.allclose(block(query, kv), normalised)
        assert block.gamma1 is None
    else:
        torch.testing.assert_close(block(query, kv), normalised if residual == "kv" else query)


def test_cross_attention__with_a_large_bias_on_one_offset_copies_that_neighbour():
    # keys are zero, so only the bias decides: every position attends to the one to its left, at offset (dy, dx) = (0, 1)
    side, channels = 3, 4
    attention = CrossAttention(channels, 1, side)
    with torch.no_grad():
        attention.kv.weight.zero_()
        attention.kv.bias.zero_()
        attention.kv.weight[channels:] = torch.eye(channels)  # values are the input
        attention.proj.weight.copy_(torch.eye(channels))
        attention.proj.bias.zero_()
        attention.bias_table.zero_()
        attention.bias_table[(0 + side - 1) * (2 * side - 1) + 1 + side - 1] = 100.0
    maps = torch.randn(2, side * side, channels, generator=torch.Generator().manual_seed(0))
    mixed = attention(torch.zeros_like(maps), maps).unflatten(1, (side, side))
    torch.testing.assert_close(mixed[:, :, 1:], maps.unflatten(1, (side, side))[:, :, :-1])
