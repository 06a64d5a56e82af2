"""TF32 is switched for a block or a function, and restored."""

from __future__ import annotations

import pytest
import torch

from fercli.system.float32 import exact_float32, float32_products


def _switches() -> tuple[bool, bool]:
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


@exact_float32
def _inside() -> tuple[bool, bool]:
    return _switches()


def test_exact_float32__holds_in_every_call_of_a_function():
    before = _switches()
    with float32_products(tf32=True):
        assert _switches() == (True, True)
        assert _inside() == (False, False)
        assert _inside() == (False, False)
        assert _switches() == (True, True)
    assert _switches() == before


def test_float32_products__are_restored_after_an_error():
    before = _switches()
    with pytest.raises(ZeroDivisionError), float32_products(tf32=True):
        _ = 1 / 0
    assert _switches() == before


@pytest.mark.gpu
def test_exact_float32__computes_products_exactly_on_cuda():
    torch.manual_seed(0)
    one, other = torch.randn(2, 512, 512)
    expected = one.double() @ other.double()

    @exact_float32
    def product() -> torch.Tensor:
        return (one.cuda() @ other.cuda()).cpu()

    assert (product() - expected).abs().max() < 1e-3  # with TF32 about 0.03
