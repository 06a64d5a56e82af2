"""Fixtures every test may use: a real face, and the reference material where it lies."""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable, Sequence
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


@pytest.fixture
def damaged_clip() -> Callable[..., Path]:
    """Write a clip of 40 frames of noise at 10 a second, and overwrite the data of some of them with zeros."""

    def write(path: Path, *, broken: Sequence[int]) -> Path:
        import av

        from fercli.media.video_writer import VideoWriter

        noise = np.random.default_rng(0)
        with VideoWriter(path) as writer:
            for number in range(40):
                writer.write(noise.integers(40, 255, (80, 90, 3), dtype=np.uint8), number / 10)
        with av.open(str(path)) as container:
            packets = {
                round(float(packet.pts * packet.time_base) * 10): packet
                for packet in container.demux(video=0)
                if packet.size
            }
        content = bytearray(path.read_bytes())
        for number in broken:
            place, size = packets[number].pos, packets[number].size
            content[place : place + size] = bytes(size)
        path.write_bytes(content)
        return path

    return write


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
