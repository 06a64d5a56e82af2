"""Sharpness-aware minimisation against the paper's two-step formula, worked out by hand."""

from __future__ import annotations

import pytest
import torch

from fercli.train.sam import SAM


def parabola(weights: torch.Tensor) -> torch.Tensor:
    return (weights**2).sum()


def test_sam__moves_by_the_gradient_at_the_perturbed_point():
    # f = |w|^2 at w = (3, 4): g = (6, 8), |g| = 10; with rho 0.5 the worst point is (3.3, 4.4), its gradient (6.6, 8.8);
    # one SGD step of 0.1 from (3, 4) ends at (2.34, 3.12)
    w = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    sgd = torch.optim.SGD([w], lr=0.1)
    sam = SAM(sgd, rho=0.5)
    parabola(w).backward()
    assert float(sam.perturb()) == pytest.approx(10.0)
    torch.testing.assert_close(w.detach(), torch.tensor([3.3, 4.4]))
    sgd.zero_grad()
    parabola(w).backward()
    sam.restore()
    assert torch.equal(w.detach(), torch.tensor([3.0, 4.0]))
    sgd.step()
    torch.testing.assert_close(w.detach(), torch.tensor([2.34, 3.12]))


def test_sam__adaptive_scales_the_perturbation_by_the_weights():
    # w = (1, 2): g = (2, 4), |w| g = (2, 8), norm sqrt(68); perturbation rho w^2 g / norm = 0.1 (2, 16) / 8.246
    w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    sam = SAM(torch.optim.SGD([w], lr=0.1), rho=0.1, adaptive=True)
    parabola(w).backward()
    sam.perturb()
    torch.testing.assert_close(w.detach(), torch.tensor([1.0, 2.0]) + 0.1 * torch.tensor([2.0, 16.0]) / 68**0.5)


def test_sam__gives_back_weights_exactly_and_in_the_same_storage():
    w = torch.nn.Parameter(torch.randn(1000, generator=torch.Generator().manual_seed(0)))
    before, storage = w.detach().clone(), w.data_ptr()
    sam = SAM(torch.optim.Adam([w]), rho=0.05)
    (w.sin() * 1e3).sum().backward()
    sam.perturb()
    sam.restore()
    assert torch.equal(w.detach(), before)
    assert w.data_ptr() == storage


def test_sam__a_gradient_that_is_not_finite_does_not_move_the_weights():
    w = torch.nn.Parameter(torch.tensor([1.0]))
    sam = SAM(torch.optim.SGD([w], lr=0.1), rho=0.05)
    (w * float("inf")).backward()
    assert not torch.isfinite(sam.perturb())
    assert torch.equal(w.detach(), torch.tensor([1.0]))


def test_sam__asks_the_device_for_no_value():
    # meta tensors have none: reading one, as `if norm.isfinite()` would, raises
    w = torch.nn.Parameter(torch.ones(3, device="meta"))
    w.grad = torch.ones(3, device="meta")
    sam = SAM(torch.optim.SGD([w], lr=0.1), rho=0.05)
    assert sam.perturb(grad_scale=torch.ones((), device="meta")).device.type == "meta"
    sam.restore()


def test_sam__refuses_a_negative_radius():
    with pytest.raises(ValueError, match="rho"):
        SAM(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1), rho=-1)
