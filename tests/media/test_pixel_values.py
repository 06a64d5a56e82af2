"""Pictures of more than 8 bits are as bright as their 8-bit originals."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fercli.media.images import read_rgb
from fercli.media.pixel_values import to_eight_bits


@pytest.fixture
def grey(astronaut: np.ndarray) -> np.ndarray:
    """The astronaut's face in grey, uint8."""
    return np.asarray(Image.fromarray(astronaut[:200, 150:350]).convert("L"))


@pytest.mark.parametrize("fault", [None, np.nan, np.inf, -np.inf, 1.0001, 5.0, -3.0])
@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_read_rgb__takes_floats_with_a_fault(fault: float | None, white: float, grey: np.ndarray, tmp_path: Path):
    values = grey.astype(np.float32) * (white / 255)
    if fault is not None:
        values[3, 5] = fault * white if np.isfinite(fault) else fault
    Image.fromarray(values).save(tmp_path / "a.tif")
    difference = np.abs(read_rgb(tmp_path / "a.tif")[..., 0].astype(int) - grey)
    difference[3, 5] = 0
    assert difference.max() <= 1


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_read_rgb__takes_integers_that_use_a_part_of_16_bits(bits: int, suffix: str, grey: np.ndarray, tmp_path: Path):
    values = np.round(grey.astype(float) * ((2**bits - 1) / 255)).astype(np.uint16)
    assert values.max() >= 0.98 * (2**bits - 1)
    values[0, 0] = 65535  # one faulty pixel of a sensor
    cv2.imwrite(str(tmp_path / f"a{suffix}"), values)
    difference = np.abs(read_rgb(tmp_path / f"a{suffix}")[..., 0].astype(int) - grey)[1:]
    assert difference.max() <= 1


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_read_rgb__takes_colours_of_16_bits(
    bits: int, suffix: str, channels: int, astronaut: np.ndarray, tmp_path: Path
):
    rgb = astronaut[:200, 150:350]
    values = np.round(rgb.astype(float) * ((2**bits - 1) / 255)).astype(np.uint16)
    bgr = values[..., ::-1]
    if channels == 4:
        bgr = np.dstack([bgr, np.full(bgr.shape[:2], 65535, np.uint16)])
    cv2.imwrite(str(tmp_path / f"a{suffix}"), bgr)
    assert np.abs(read_rgb(tmp_path / f"a{suffix}").astype(int) - rgb).max() <= 1


@pytest.mark.parametrize("white", [1.0, 255.0])
def test_read_rgb__takes_colours_in_floats(white: float, astronaut: np.ndarray, tmp_path: Path):
    values = astronaut[:200, 150:350].astype(np.float32) * (white / 255)
    values[0, 0] = np.nan
    cv2.imwrite(str(tmp_path / "a.tif"), values[..., ::-1])
    difference = np.abs(read_rgb(tmp_path / "a.tif").astype(int) - astronaut[:200, 150:350])[1:]
    assert difference.max() <= 1


@pytest.mark.parametrize("white", [255, 4095, 65535, 2**24 - 1, 2**31 - 1, 2**32 - 1])
def test_read_rgb__takes_integers_of_32_bits(white: int, grey: np.ndarray, tmp_path: Path):
    values = np.round(grey.astype(float) * (white / 255)).astype(np.uint32)
    path = tmp_path / "a.tif"
    path.write_bytes(_tiff(values))
    assert np.abs(read_rgb(path)[..., 0].astype(int) - grey).max() <= 1


def _tiff(values: np.ndarray) -> bytes:
    """A TIFF of 32-bit integers without a sign, written by hand after TIFF 6.0."""
    height, width = values.shape
    data = values.astype("<u4").tobytes()
    fields = [(256, width), (257, height), (258, 32), (259, 1), (262, 1), (273, 8), (277, 1), (278, height)]
    fields += [(279, len(data)), (339, 1)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    directory = struct.pack("<H", len(fields)) + entries + struct.pack("<I", 0)
    return struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + directory


def test_to_eight_bits__takes_what_has_no_light():
    assert to_eight_bits(np.zeros((2, 2), np.uint16)).max() == 0
    assert to_eight_bits(np.full((2, 2), np.nan, np.float32)).max() == 0
    assert to_eight_bits(np.zeros((0, 2), np.float32)).size == 0


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_read_rgb__takes_grey_in_floats_of_64_bits(white: float, grey: np.ndarray, tmp_path: Path):
    cv2.imwrite(str(tmp_path / "a.tif"), grey.astype(np.float64) * (white / 255))
    assert np.abs(read_rgb(tmp_path / "a.tif")[..., 0].astype(int) - grey).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_read_rgb__takes_16_bits_with_a_sign(channels: int, astronaut: np.ndarray, tmp_path: Path):
    rgb = astronaut[:200, 150:350, :channels]
    values = np.round(rgb.astype(float) * (32767 / 255)).astype(np.int16)
    values[0, 0] = -1000
    cv2.imwrite(str(tmp_path / "a.tif"), values[..., ::-1])
    difference = np.abs(read_rgb(tmp_path / "a.tif")[..., :channels].astype(int) - rgb)
    assert difference[1:].max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize(("bits", "opaque"), [(10, 1023), (12, 4095), (10, 65535), (16, 65535)])
def test_read_rgb__blends_opacity_of_as_many_bits_as_the_colours_or_all(
    bits: int, opaque: int, suffix: str, astronaut: np.ndarray, tmp_path: Path
):
    rgb = astronaut[:200, 150:350].astype(float)
    share = np.ones((200, 200, 1))
    share[:100, :100], share[100:, 100:] = 0, 0.5
    values = np.dstack([rgb[..., ::-1] * ((2**bits - 1) / 255), share * opaque])
    cv2.imwrite(str(tmp_path / f"a{suffix}"), np.round(values).astype(np.uint16))
    expected = rgb * share + 255 * (1 - share)
    assert np.abs(read_rgb(tmp_path / f"a{suffix}") - expected).max() <= 1.5
