"""What a TIFF needs when it is decoded, from its tags: pixels, depth and tiles."""

from __future__ import annotations

import io
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.errors import DataError
from fercli.media.images import read_rgb
from fercli.media.tiff_size import tiff_size

SHORT, LONG, LONG8 = 3, 4, 16
WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS, SAMPLES, COUNTS = 256, 257, 258, 259, 262, 273, 277, 279
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS, FORMAT = 322, 323, 324, 325, 339
DEFLATE, RGB, FLOAT = 8, 2, 3


def tiff(tags: dict[int, tuple[int, int]], order: str = "<", *, big: bool = False) -> bytes:
    """A TIFF whose first directory has these tags (type, value), and no pixels."""
    mark = b"II" if order == "<" else b"MM"
    head = mark + (struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8))
    body = struct.pack(order + ("Q" if big else "H"), len(tags))
    for tag, (kind, value) in sorted(tags.items()):
        code, room = {SHORT: "H", LONG: "I", LONG8: "Q"}[kind], 8 if big else 4
        content = struct.pack(order + code, value)
        body += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, 1) + content + bytes(room - len(content))
    return head + body + bytes(8)


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True), (">", True)])
def test_tiff_size__counts_pixels_and_tiles(order: str, big: bool):
    tags = {WIDTH: (SHORT, 100), LENGTH: (LONG, 50), BITS: (SHORT, 16), SAMPLES: (SHORT, 3)}
    assert tiff_size(io.BytesIO(tiff(tags, order, big=big))) == (100, 50, 100 * 50 * 6)
    tags |= {TILE_WIDTH: (LONG, 40_000), TILE_LENGTH: (SHORT, 30_000)}
    assert tiff_size(io.BytesIO(tiff(tags, order, big=big))) == (100, 50, 40_000 * 30_000 * 6)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "I;16", "F"])
def test_tiff_size__of_pillows_files_is_that_of_their_pixels(mode: str):
    memory = io.BytesIO()
    Image.new(mode, (64, 30)).save(memory, "TIFF")
    bits = {"1": 1, "L": 8, "RGB": 24, "RGBA": 32, "I;16": 16, "F": 32}[mode]
    assert tiff_size(memory) == (64, 30, 64 * 30 * bits // 8)


@pytest.mark.parametrize(
    "content", [b"", b"II*\0", b"hello, this is text", b"II*\0\xff\xff\xff\x7f", tiff({WIDTH: (SHORT, 9)})]
)
def test_tiff_size__of_other_files_is_none(content: bytes):
    assert tiff_size(io.BytesIO(content)) is None


def _floats(side: int) -> bytes:
    """A TIFF of floats in three colours, which states a size and has no pixels."""
    tags = {WIDTH: (LONG, side), LENGTH: (LONG, side), BITS: (SHORT, 32), SAMPLES: (SHORT, 3), FORMAT: (SHORT, FLOAT)}
    tags |= {COMPRESSION: (SHORT, DEFLATE), PHOTOMETRIC: (SHORT, RGB), OFFSETS: (LONG, 8), COUNTS: (LONG, 8)}
    return tiff(tags)


def _one_tile(side: int) -> bytes:
    """A TIFF of 100 x 100 pixels in one tile of another size."""
    tags = {WIDTH: (SHORT, 100), LENGTH: (SHORT, 100), BITS: (SHORT, 8), SAMPLES: (SHORT, 1), PHOTOMETRIC: (SHORT, 1)}
    tags |= {COMPRESSION: (SHORT, DEFLATE), TILE_WIDTH: (LONG, side), TILE_LENGTH: (LONG, side)}
    return tiff(tags | {TILE_OFFSETS: (LONG, 8), TILE_COUNTS: (LONG, 8)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_floats(14_000), "14000 x 14000 pixels, more than the limit of 64 million"),
        (_floats(7_000), "588 MB when it is decoded, more than the limit of 512 MB"),
        (_one_tile(40_000), "1,600 MB when it is decoded"),
    ],
)
def test_tiff_over_the_limit__is_refused_before_it_is_decoded(content: bytes, message: str, tmp_path: Path):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(DataError, match=message) as refused:
        read_rgb(tmp_path / "a.tif")
    assert "FER_MAX_MEGAPIXELS" in refused.value.fix


def test_picture_of_a_slow_decoder__has_a_lower_limit(tmp_path: Path):
    runs = b"\xfd" * (4000 * 4000 // 62 + 1)  # of 62 pixels each
    content = b"qoif" + struct.pack(">IIBB", 4000, 4000, 3, 0) + runs + bytes(7) + b"\1"
    (tmp_path / "a.jpg").write_bytes(content)
    started = time.process_time()
    with pytest.raises(DataError, match="4000 x 4000 pixels, more than the limit of 8 million for its kind of QOI"):
        read_rgb(tmp_path / "a.jpg")
    assert time.process_time() - started < 5
    (tmp_path / "b.ppm").write_bytes(b"P3\n3000 3000\n255\n" + b"9 " * 100)  # numbers as text
    with pytest.raises(DataError, match="limit of 8 million for its kind of PPM"):
        read_rgb(tmp_path / "b.ppm")
    (tmp_path / "d.pgm").write_bytes(b"P5\n3000 3000\n254\n" + bytes(3000 * 3000))
    with pytest.raises(DataError, match="limit of 8 million for its kind of PPM"):
        read_rgb(tmp_path / "d.pgm")
    (tmp_path / "c.ppm").write_bytes(b"P6\n3000 3000\n255\n" + bytes(3000 * 3000 * 3))
    assert read_rgb(tmp_path / "c.ppm").shape == (3000, 3000, 3)
    assert not np.any(read_rgb(tmp_path / "c.ppm"))
