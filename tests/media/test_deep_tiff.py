"""TIFF files of every sample type are as bright as their 8-bit originals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from fercli.errors import DataError
from fercli.media.images import read_rgb


@pytest.fixture
def rgb(astronaut: np.ndarray) -> np.ndarray:
    """The astronaut's face, of sides that no block divides."""
    return np.ascontiguousarray(astronaut[:203, 150:351])


@pytest.fixture
def grey(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(rgb).convert("L"))


def _of_type(pixels: np.ndarray, kind: str) -> np.ndarray:
    """The same pixels in another type, from black to white."""
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return (pixels / 255).astype(dtype)
    return np.round(pixels.astype(np.longdouble) * (np.longdouble(np.iinfo(dtype).max) / 255)).astype(dtype)


def _check(path: Path, expected: np.ndarray, *, within: float = 1) -> None:
    found = read_rgb(path)
    expected = expected if expected.ndim == 3 else np.repeat(expected[..., None], 3, axis=2)
    assert found.shape == expected.shape
    assert np.abs(found.astype(float) - expected).max() <= within


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8"])
def test_read_rgb__takes_every_sample_type(kind: str, order: str, rgb: np.ndarray, grey: np.ndarray, tmp_path: Path):
    for name, pixels, photometric in (("rgb", rgb, "rgb"), ("grey", grey, "minisblack")):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, _of_type(pixels, kind), photometric=photometric, byteorder=order)
        _check(path, pixels, within=2 if kind == "i1" else 1)


@pytest.mark.parametrize(
    "options",
    [
        {"bigtiff": True},
        {"tile": (64, 48)},
        {"rowsperstrip": 17},
        {"compression": "zlib", "predictor": True},
        {"compression": "zlib", "predictor": True, "tile": (64, 48), "byteorder": ">"},
        {"compression": "zlib", "predictor": True, "rowsperstrip": 50, "bigtiff": True},
    ],
)
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_read_rgb__takes_every_storage(
    kind: str, planar: str, options: dict[str, Any], rgb: np.ndarray, tmp_path: Path
):
    if options.get("predictor") and (kind == "f4" or options.get("byteorder")):
        pytest.importorskip("imagecodecs")  # tifffile needs it to write them
    values = _of_type(rgb, kind)
    values = values.transpose(2, 0, 1) if planar == "separate" else values
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", planarconfig=planar, **options)
    _check(tmp_path / "a.tif", rgb)


@pytest.mark.parametrize(("kind", "predictor"), [("u2", 2), ("f4", 3), ("f8", 3)])
def test_read_rgb__takes_differences_of_samples(kind: str, predictor: int, rgb: np.ndarray, tmp_path: Path):
    options = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    cv2.imwrite(str(tmp_path / "a.tif"), _of_type(rgb[..., ::-1], kind), options)
    _check(tmp_path / "a.tif", rgb)


@pytest.mark.parametrize("kind", ["i1", "u2", "f4"])
def test_read_rgb__takes_grey_where_zero_is_white(kind: str, grey: np.ndarray, tmp_path: Path):
    tifffile.imwrite(tmp_path / "a.tif", _of_type(255 - grey, kind), photometric="miniswhite")
    _check(tmp_path / "a.tif", grey, within=2 if kind == "i1" else 1)


@pytest.mark.parametrize("kind", ["u2", "f2", "f4"])
@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha", "unspecified"])
def test_read_rgb__blends_by_the_kind_of_opacity(
    extra: str, colours: int, kind: str, rgb: np.ndarray, grey: np.ndarray, tmp_path: Path
):
    pixels = (rgb if colours == 3 else grey[..., None]).astype(float)
    share = np.ones((*grey.shape, 1))
    share[:100, :100] = 0.25
    stored = np.dstack([pixels * (share if extra == "assocalpha" else 1), 255 * share])
    tifffile.imwrite(
        tmp_path / "a.tif",
        _of_type(stored, kind),
        photometric="rgb" if colours == 3 else "minisblack",
        planarconfig="contig",
        extrasamples=[extra],
    )
    blended = pixels if extra == "unspecified" else pixels * share + 255 * (1 - share)
    _check(tmp_path / "a.tif", blended if colours == 3 else blended[..., 0], within=1.6)


def test_read_rgb__shows_integers_with_a_sign_around_zero_from_black_to_white(grey: np.ndarray, tmp_path: Path):
    for kind, half in (("i1", 128), ("i2", 32768)):
        values = np.round(grey * ((2 * half - 1) / 255)).astype(np.int64) - half
        tifffile.imwrite(tmp_path / "a.tif", values.astype(kind), photometric="minisblack")
        _check(tmp_path / "a.tif", grey)


def test_read_rgb__takes_the_stated_maximum_of_a_dark_picture(grey: np.ndarray, tmp_path: Path):
    values = np.round(grey / 8 * (4095 / 255)).astype(np.uint16)  # fits in 10 bits
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack", extratags=[(281, 3, 1, 4095, True)])
    _check(tmp_path / "a.tif", grey / 8)


@pytest.mark.parametrize("bits", [10, 12])
def test_read_rgb__ignores_marks_at_the_maximum_of_16_bits(bits: int, grey: np.ndarray, tmp_path: Path):
    values = np.round(grey.astype(float) * ((2**bits - 1) / 255)).astype(np.uint16)
    values[195:199, 20:100] = 65535  # a scale bar, 0.8 % of the picture
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    expected = grey.copy()
    expected[195:199, 20:100] = 255
    _check(tmp_path / "a.tif", expected)


def test_read_rgb__takes_packed_samples(rgb: np.ndarray, tmp_path: Path):
    values = np.round(rgb.astype(float) * (4095 / 255)).astype(np.uint16)
    bits = np.unpackbits(values.astype(">u2").view(np.uint8).reshape(*values.shape, 2), axis=-1)[..., 4:]
    packed = np.packbits(bits.reshape(len(rgb), -1), axis=1)
    _write_by_hand(tmp_path / "a.tif", packed.tobytes(), rgb.shape, bits=12)
    _check(tmp_path / "a.tif", rgb)


def _write_by_hand(path: Path, data: bytes, shape: tuple[int, ...], *, bits: int) -> None:
    """An RGB TIFF of one strip, after TIFF 6.0."""
    height, width, samples = shape
    fields = [(256, width), (257, height), (258, bits), (259, 1), (262, 2), (273, 8), (277, samples), (278, height)]
    fields += [(279, len(data))]
    content = np.array([0x4949, 42], "<u2").tobytes() + np.array([8 + len(data)], "<u4").tobytes() + data
    content += np.array([len(fields)], "<u2").tobytes()
    for tag, value in fields:
        content += np.array([tag, 4], "<u2").tobytes() + np.array([1, value], "<u4").tobytes()
    path.write_bytes(content + bytes(4))


def test_read_rgb__turns_a_deep_tiff_upright_and_counts_its_pages(rgb: np.ndarray, tmp_path: Path):
    values = _of_type(np.rot90(rgb), "f4")  # to be turned clockwise
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack([values, values]), photometric="rgb", extratags=[(274, 3, 1, 6, True)]
    )
    notes: list[str] = []
    assert np.abs(read_rgb(tmp_path / "a.tif", notes=notes).astype(int) - rgb).max() <= 1
    assert notes == ["the first of 2 pages is read"]


@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_read_rgb__refuses_a_deep_tiff_that_is_cut_off_or_too_large(
    kind: str, rgb: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, _of_type(rgb, kind), photometric="rgb")
    content = path.read_bytes()
    path.write_bytes(content[:-5000])
    with pytest.raises(DataError, match=r"a\.tif: the picture is truncated"):
        read_rgb(path)
    path.write_bytes(content)
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", "0.01")
    with pytest.raises(DataError, match="201 x 203 pixels, more than the limit"):
        read_rgb(path)


def test_read_rgb__reads_large_deep_tiffs_within_the_limit_of_memory(
    rgb: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", "0.06")  # 0.24 MB of samples that are read with all their bits
    tifffile.imwrite(tmp_path / "a.tif", _of_type(rgb, "u2"), photometric="rgb")
    _check(tmp_path / "a.tif", rgb)  # 0.244 MB: the upper 8 bits
    tifffile.imwrite(tmp_path / "a.tif", _of_type(rgb, "f4"), photometric="rgb")
    with pytest.raises(DataError, match="more than the limit of 0 MB"):
        read_rgb(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_read_rgb__reads_a_strip_larger_than_pillows_own_limit(
    compression: str | None, rgb: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    tifffile.imwrite(
        tmp_path / "a.tif", _of_type(rgb, "u2"), photometric="rgb", compression=compression, rowsperstrip=203
    )
    _check(tmp_path / "a.tif", rgb)


@pytest.mark.parametrize("kind", ["i1", "u2", "f4"])
def test_read_rgb__raises_nothing_but_data_error_for_a_broken_tiff(kind: str, rgb: np.ndarray, tmp_path: Path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, _of_type(rgb[:40, :40], kind), photometric="rgb", rowsperstrip=8)
    content = path.read_bytes()
    draw = np.random.default_rng(0)
    for number in range(200):
        broken = bytearray(content)
        for place in draw.integers(0, 400, 1 + number % 5):
            broken[place] = draw.integers(0, 256)
        path.write_bytes(broken[: len(broken) - number % 3 * 20])
        try:
            assert read_rgb(path).ndim == 3
        except DataError:
            continue


def test_read_rgb__says_that_a_tiff_is_of_another_kind(grey: np.ndarray, tmp_path: Path):
    tifffile.imwrite(tmp_path / "a.tif", grey.astype(np.complex64), photometric="minisblack")
    with pytest.raises(DataError, match=r"a\.tif: a TIFF of a kind that cannot be read"):
        read_rgb(tmp_path / "a.tif")


def test_read_rgb__says_that_a_tiff_is_cut_off(tmp_path: Path):
    path = tmp_path / "a.tif"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)).save(path, compression="tiff_lzw")
    path.write_bytes(path.read_bytes()[:1000])  # its directory is at the end
    with pytest.raises(DataError, match=r"a\.tif: the picture is truncated"):
        read_rgb(path)
