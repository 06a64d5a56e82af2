"""Cross-attention: its residual side and its relative positions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode

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


@pytest.mark.parametrize("heads", [1, 2])
def test_cross_attention__passes_a_contiguous_mask(heads: int, monkeypatch: pytest.MonkeyPatch):
    # fused kernels refuse a mask whose last stride is not 1
    masks, usual = [], F.scaled_dot_product_attention
    monkeypatch.setattr(
        F, "scaled_dot_product_attention", lambda *args, attn_mask: masks.append(attn_mask) or usual(*args, attn_mask)
    )
    attention, x = CrossAttention(8, heads, 3), torch.randn(2, 9, 8)
    attention(x, x).sum().backward()
    assert masks[0].shape == (1, heads, 9, 9)
    assert masks[0].is_contiguous()
    assert attention.bias_table.grad is not None


def test_cross_attention__on_a_gpu_takes_no_kernel_that_gives_the_mask_no_gradient(monkeypatch: pytest.MonkeyPatch):
    allowed, usual = [], F.scaled_dot_product_attention
    kernels = torch.backends.cuda

    def attend(*args: torch.Tensor, attn_mask: torch.Tensor) -> torch.Tensor:
        allowed.append((kernels.cudnn_sdp_enabled(), kernels.mem_efficient_sdp_enabled(), kernels.math_sdp_enabled()))
        return usual(*args, attn_mask)

    monkeypatch.setattr(F, "scaled_dot_product_attention", attend)
    before = kernels.cudnn_sdp_enabled()
    with FakeTensorMode():
        monkeypatch.setattr(torch.nn.init, "trunc_normal_", lambda tensor, **_: tensor)
        attention = CrossAttention(8, 1, 3)
        for module in attention.modules():
            for name, parameter in module.named_parameters(recurse=False):
                setattr(module, name, torch.nn.Parameter(parameter.detach().to("cuda")))
            for name, buffer in module.named_buffers(recurse=False):
                setattr(module, name, buffer.to("cuda"))
        x = torch.empty(2, 9, 8, device="cuda")
        assert attention(x, x).device.type == "cuda"
    assert allowed == [(False, True, True)]
    assert kernels.cudnn_sdp_enabled() == before


@pytest.mark.gpu
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("half", [False, True])
def test_cross_attention__on_cuda_has_the_gradients_of_the_cpu(heads: int, half: bool):
    torch.manual_seed(0)
    attention, x = CrossAttention(64, heads, 7), torch.randn(4, 49, 64)
    attention(x, x).square().mean().backward()
    expected = attention.bias_table.grad.clone()
    attention.zero_grad()
    attention.cuda()
    with torch.autocast("cuda", torch.bfloat16, enabled=half):
        loss = attention(x.cuda(), x.cuda()).float().square().mean()
    loss.backward()
    error = (attention.bias_table.grad.cpu() - expected).norm() / expected.norm()
    assert error < (0.1 if half else 1e-2)
