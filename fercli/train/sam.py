"""Sharpness-aware minimisation around any PyTorch optimizer (Foret et al. 2021, Algorithm 1)."""

from __future__ import annotations

import torch
from torch import Tensor


class SAM:
    """Two gradients per step: `perturb` moves to w + rho g / |g|, `restore` moves back, then the optimizer steps.

    The weights are restored from a saved copy: subtracting the perturbation does not give float32 values back exactly, and
    replacing `.data` would break averaged or compiled copies. SAM has no state between steps.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, *, rho: float, adaptive: bool = False) -> None:
        if rho < 0:
            raise ValueError(f"rho must not be negative, got {rho}")
        self.optimizer = optimizer
        self.rho = rho
        self.adaptive = adaptive
        self._saved: list[tuple[Tensor, Tensor]] = []

    @torch.no_grad()
    def perturb(self, *, grad_scale: Tensor | float = 1.0) -> Tensor:
        """Move to the worst point nearby and return the gradient's norm; gradients are divided by `grad_scale` first.

        Nothing waits for the device. With a gradient that is not finite the weights stay as they are.
        """
        parameters = [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        grads = [p.grad for p in parameters if p.grad is not None]
        directions = torch._foreach_mul(torch._foreach_abs(parameters), grads) if self.adaptive else grads
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(directions))) / grad_scale
        self._saved = [(p, p.detach().clone()) for p in parameters]
        steps = torch._foreach_mul(grads, self.rho / (norm + 1e-12) / grad_scale)
        if self.adaptive:
            torch._foreach_mul_(steps, torch._foreach_mul(parameters, parameters))
        torch._foreach_add_(parameters, [torch.where(norm.isfinite(), step, 0.0) for step in steps])
        return norm

    @torch.no_grad()
    def restore(self) -> None:
        """Put the weights back exactly as they were before `perturb`."""
        if self._saved:
            torch._foreach_copy_([parameter for parameter, _ in self._saved], [value for _, value in self._saved])
        self._saved = []
