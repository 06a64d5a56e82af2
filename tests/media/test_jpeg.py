"""Segments and scans of JPEG files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.errors import DataError
from fercli.media.images import read_rgb
from fercli.media.jpeg import has_all_scans, has_many_scans, is_sequential, segments


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
    assert not has_many_scans(content)
    assert not has_many_scans(content + b"\xff\xda" * 100)  # a video behind the picture is none of it
    assert not has_many_scans(_repeated(content, 41))
    assert has_many_scans(_repeated(content, 42))
    assert not has_many_scans(_jpeg(astronaut, progressive=False))


def test_segments__are_those_of_the_standard(astronaut: np.ndarray):
    content = _jpeg(astronaut, progressive=False)
    found = list(segments(content[:2] + b"\xff\xff" + content[2:]))  # filling before a marker (T.81, B.1.1.2)
    # JFIF, two quantisation tables, frame, four Huffman tables, scan
    assert [f"{one.marker:X}" for one in found] == ["E0", "DB", "DB", "C0", *["C4"] * 4, "DA"]
    assert found[0].payload[:5] == b"JFIF\0"
    assert found[3].payload[:6] == bytes([8, 2, 0, 2, 0, 3])  # 8 bits, 512 x 512, three colours
    assert found[-1].payload[0] == 3  # all in one scan


def test_segments__of_a_file_that_is_cut_off_end_with_the_last_marker():
    assert list(segments(b"\xff\xd8")) == []
    assert list(segments(b"\xff\xd8\xff\xe0\x00")) == []
    assert [one.payload for one in segments(b"\xff\xd8\xff\xe0\x00\x09JF")] == [b"JF"]


def test_scans__of_a_sequential_and_of_a_progressive_jpeg(astronaut: np.ndarray):
    progressive = _jpeg(astronaut, progressive=True)
    assert is_sequential(_jpeg(astronaut, progressive=False))
    assert not is_sequential(progressive)
    assert has_all_scans(progressive[:-2])  # without its end marker
    assert not has_all_scans(progressive[: progressive.rindex(b"\xff\xda")])


def test_picture_of_many_scans__has_a_lower_limit(
    astronaut: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "a.jpg").write_bytes(_repeated(_jpeg(astronaut, progressive=True), 600))
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", "1")
    with pytest.raises(DataError, match=r"limit of 0\.125 million for a JPEG of so many scans"):
        read_rgb(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes(_jpeg(astronaut, progressive=True))
    assert read_rgb(tmp_path / "a.jpg").shape == (512, 512, 3)
