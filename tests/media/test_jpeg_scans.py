"""Progressive JPEGs of hundreds of scans."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.errors import DataError
from fercli.media.images import read_rgb
from fercli.media.jpeg_scans import has_many_scans


def _repeated(content: bytes, times: int) -> bytes:
    """The same JPEG with its last scan repeated."""
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * times + b"\xff\xd9"


def _jpeg(picture: np.ndarray, *, progressive: bool) -> bytes:
    memory = io.BytesIO()
    Image.fromarray(picture).save(memory, "JPEG", progressive=progressive)
    return memory.getvalue()


def test_has_many_scans__counts_those_of_a_progressive_jpeg(astronaut: np.ndarray):
    content = _jpeg(astronaut, progressive=True)
    assert content.count(b"\xff\xda") == 10  # as libjpeg writes it
    assert not has_many_scans(io.BytesIO(content))
    assert not has_many_scans(io.BytesIO(content + b"\xff\xda" * 100))  # a video behind the picture is none of it
    assert not has_many_scans(io.BytesIO(_repeated(content, 41)))
    assert has_many_scans(io.BytesIO(_repeated(content, 42)))
    assert not has_many_scans(io.BytesIO(_jpeg(astronaut, progressive=False)))


def test_picture_of_many_scans__has_a_lower_limit(
    astronaut: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "a.jpg").write_bytes(_repeated(_jpeg(astronaut, progressive=True), 600))
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", "1")
    with pytest.raises(DataError, match=r"limit of 0\.125 million for a JPEG of so many scans"):
        read_rgb(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes(_jpeg(astronaut, progressive=True))
    assert read_rgb(tmp_path / "a.jpg").shape == (512, 512, 3)
