"""Figures whose parts must lie on the paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.config.labels import PAPER_ORDER
from fercli.explain.plots import plot_scatter


@pytest.mark.parametrize("networks", [1, 2])
def test_plot_scatter__names_of_eight_classes_are_not_cut_off(networks: int, tmp_path: Path):
    points = np.random.default_rng(0).normal(size=(16, 2)).astype(np.float32)
    plot_scatter(tmp_path / "a.png", [points] * networks, [*PAPER_ORDER] * 2, captions=["a"] * networks)
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert pixels[:, :2].min() == pixels[:, -2:].min() == 255


def test_heat__a_flat_map_is_marked():
    from fercli.explain.plots import is_flat

    ramp = np.linspace(0, 1, 49, dtype=np.float32).reshape(7, 7)
    assert not is_flat(ramp)
    assert is_flat(np.zeros((7, 7), np.float32))
    assert is_flat(np.full((7, 7), 0.7, np.float32) + 0.01 * ramp)
