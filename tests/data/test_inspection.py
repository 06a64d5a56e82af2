"""Hashes of pictures: of the file's bytes, and of the pixels whatever the format."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from fercli.data.dataset import Sample
from fercli.data.inspection import inspect_pictures, pixel_hashes

PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


def test_inspect_pictures__hashes_bytes_and_pixels_in_order(tmp_path: Path):
    for name in ("a.png", "b.bmp"):
        Image.fromarray(PIXELS).save(tmp_path / name)
    (tmp_path / "c.png").write_text("no picture")
    samples = [Sample(tmp_path / name, "test", 0) for name in ("a.png", "b.bmp", "c.png", "d.png")]
    png, bmp, text, missing = inspect_pictures(samples)
    assert png.sha256 == hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest() != bmp.sha256
    assert png.pixels_sha256 == bmp.pixels_sha256 == hashlib.sha256(b"4x2" + PIXELS.tobytes()).hexdigest()
    assert (png.size_wh, png.error) == ((4, 2), None)
    assert text.sha256 is not None
    assert "not a picture" in (text.error or "")
    assert (missing.sha256, missing.size_wh) == (None, None)
    assert list(pixel_hashes(samples)) == [png.pixels_sha256, png.pixels_sha256, None, None]
