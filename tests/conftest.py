"""Fixtures every test may use: a real face, and the reference material where it lies."""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """Eileen Collins (NASA, public domain): RGB uint8 [512, 512, 3] with one face, around (175, 65) to (275, 200)."""
    from skimage import data

    return np.asarray(data.astronaut())


OWNERS = runpy.run_path(str(Path(__file__).parent / "owners_trees.py"))


@pytest.fixture
def owners_tree(tmp_path: Path) -> Callable[..., Path]:
    """Make a small data set in an owner's layout: `owners_tree("rafdb", each=2)` returns its folder.

    Layouts are the keys of TREES in `owners_trees.py`; `each` is images per class and split.
    """

    def make(layout: str, **options: object) -> Path:
        root = tmp_path / layout
        root.mkdir()
        return OWNERS["TREES"][layout][1](root, **options)

    return make


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material that FER_SHARED names; skips where it is absent."""
    folder = Path(os.environ.get("FER_SHARED", ""))
    if not (folder / "reference" / "btn-spec.md").is_file():
        pytest.skip("FER_SHARED names no folder with the reference material")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip `gpu` tests where no CUDA device is."""
    if any(item.get_closest_marker("gpu") for item in items):
        import torch

        if not torch.cuda.is_available():
            for item in items:
                if item.get_closest_marker("gpu"):
                    item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
