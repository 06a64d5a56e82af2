"""A random checkpoint of face.evoLVe's IR50."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

_STAGES = ((64, 64, 3), (64, 128, 4), (128, 256, 14))


def _norm(name: str, channels: int) -> dict[str, Tensor]:
    state = {f"{name}.{leaf}": torch.rand(channels) + 0.5 for leaf in ("weight", "bias", "running_mean", "running_var")}
    return state | {f"{name}.num_batches_tracked": torch.tensor(5)}


def _ir_block(name: str, first: int, channels: int) -> dict[str, Tensor]:
    state = _norm(f"{name}.res_layer.0", first) | _norm(f"{name}.res_layer.4", channels)
    state |= {f"{name}.res_layer.1.weight": torch.randn(channels, first, 3, 3) / 50}
    state |= {f"{name}.res_layer.2.weight": torch.rand(channels)}
    state |= {f"{name}.res_layer.3.weight": torch.randn(channels, channels, 3, 3) / 50}
    if first != channels:
        state |= {f"{name}.shortcut_layer.0.weight": torch.randn(channels, first, 1, 1) / 10}
        state |= _norm(f"{name}.shortcut_layer.1", channels)
    return state


def _ir50_state(flat: bool) -> dict[str, Tensor]:
    """face.evoLVe's IR50 with random values: `body.0` to `body.23`, or POSTER_V2's `body1` to `body3`."""
    torch.manual_seed(0)
    state = {"input_layer.0.weight": torch.randn(64, 3, 3, 3), "input_layer.2.weight": torch.rand(64)}
    state |= _norm("input_layer.1", 64)
    number = 0
    for stage, (first, channels, depth) in enumerate(_STAGES):
        for block in range(depth):
            name = f"body.{number}" if flat else f"body{stage + 1}.{block}"
            state |= _ir_block(name, channels if block else first, channels)
            number += 1
    if flat:
        state |= _ir_block("body.21", 256, 512)
    return state | {"output_layer.3.bias": torch.zeros(512)}


@pytest.fixture(scope="session")
def ir50_state() -> Callable[[bool], dict[str, Tensor]]:
    """The tensors of IR50, with face.evoLVe's flat names (True) or POSTER_V2's (False)."""
    return _ir50_state


@pytest.fixture
def ir50_file(tmp_path: Path) -> Path:
    torch.save(_ir50_state(True), tmp_path / "ir50.pth")
    return tmp_path / "ir50.pth"
