"""Small image trees in the layouts data sets come in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Make 4 x 4 pictures at the given paths below a new folder; returns the folder."""

    def make(*paths: str, root: str = "tree") -> Path:
        for number, path in enumerate(paths):
            place = tmp_path / root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (number, 0, 0)).save(place)
        return tmp_path / root

    return make
