"""Picture files of strangers: known formats only, within a limit of pixels and memory."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from fercli.errors import DataError, UsageError
from fercli.media.images import is_animated, is_picture, read_rgb
from fercli.media.picture_files import FORMATS, pixel_limit

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n0 0 100 100 rectfill\nshowpage\n%%EOF\n"
ICO = b"\0\0\1\0\1\0\1\1\0\0\1\0\x20\0\x30\0\0\0\x16\0\0\0"


def _png(width: int, height: int, bits: int = 8, colour: int = 0) -> bytes:
    """A PNG of so many pixels in a few bytes: all black."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    size = width * bits * {0: 1, 2: 3, 6: 4}[colour] // 8
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(size + 1)) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _stated(size: tuple[int, int], kind: str) -> bytes:
    """A small picture whose header states a larger size."""
    memory = io.BytesIO()
    Image.new("RGB" if kind == "JPEG" else "L", (8, 8)).save(memory, kind)
    content = bytearray(memory.getvalue())
    if kind == "GIF":
        content[6:10] = struct.pack("<HH", *size)
    elif kind == "JPEG":
        place = content.index(b"\xff\xc0") + 5
        content[place : place + 4] = struct.pack(">HH", size[1], size[0])
    elif kind == "BMP":
        content[18:26] = struct.pack("<ii", *size)
    return bytes(content)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.eps", "a"])
@pytest.mark.parametrize("content", [EPS, b"\xc5\xd0\xd3\xc6" + bytes(28) + EPS])
def test_postscript__is_no_picture_and_starts_no_program(
    name: str, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def started(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="not a picture"):
        read_rgb(tmp_path / name)
    assert not is_picture(tmp_path / name)


def test_formats__start_no_program_and_open_no_other_file():
    assert not {"EPS", "WMF", "PDF", "HDF5", "GRIB", "BUFR", "FITS", "MPEG", "IPTC"} & set(FORMATS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "GIF", "AVIF", "JPEG2000", "TGA", "QOI"])
def test_formats__of_photos_are_read(kind: str, astronaut: np.ndarray):
    memory = io.BytesIO()
    Image.fromarray(astronaut[:64, :80]).save(memory, kind)
    assert read_rgb(Path("a"), memory.getvalue()).shape == (64, 80, 3)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (_png(300, 300), "300 x 300"),
        (_png(300, 300, 16), "300 x 300"),
        (_png(300, 300, 16, 6), "300 x 300"),
        (_stated((65535, 65535), "GIF"), "pixels than the limit"),
        (_stated((9000, 8000), "GIF"), "9000 x 8000"),
        (_stated((9000, 8000), "BMP"), "9000 x 8000"),
        (_stated((65000, 65000), "JPEG"), "8125 x 8125"),
    ],
)
def test_picture_over_the_limit__is_refused_before_it_is_decoded(
    content: bytes, size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", "0.05")
    path = tmp_path / "large.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"limit of 0\.05 million") as refused:
        read_rgb(path)
    assert size in refused.value.message
    assert refused.value.message.startswith(f"{path}: ")
    assert "FER_MAX_MEGAPIXELS" in refused.value.fix
    assert not is_animated(path)


def test_limit__can_be_raised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert pixel_limit() == 64_000_000
    (tmp_path / "a.png").write_bytes(_png(300, 300))
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", "0.09")
    assert read_rgb(tmp_path / "a.png").shape == (300, 300, 3)


@pytest.mark.parametrize("text", ["", "many", "nan", "-3", "0", "1e300", "inf"])
def test_limit__that_is_no_number__is_refused(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", text)
    with pytest.raises(UsageError, match="FER_MAX_MEGAPIXELS"):
        pixel_limit()


@pytest.mark.parametrize(("megapixels", "side"), [("0.2", 256), ("0.05", 128), ("0.01", 64)])
def test_large_jpeg__is_decoded_at_a_reduced_size(
    megapixels: str, side: int, astronaut: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    Image.fromarray(astronaut).save(tmp_path / "a.jpg", quality=95)
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", megapixels)
    notes: list[str] = []
    rgb = read_rgb(tmp_path / "a.jpg", notes=notes)
    expected = np.asarray(Image.fromarray(astronaut).resize((side, side), Image.Resampling.BOX)).astype(int)
    assert np.abs(rgb.astype(int) - expected).mean() < 3
    assert notes == [f"read at {side} x {side} of its 512 x 512 pixels"]


def test_large_jpeg_without_its_end__is_decoded_at_a_reduced_size_too(
    astronaut: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    Image.fromarray(astronaut).save(tmp_path / "a.jpg", quality=95)
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", "0.1")
    complete = read_rgb(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-2])
    notes: list[str] = []
    assert np.array_equal(read_rgb(tmp_path / "a.jpg", notes=notes), complete)
    assert complete.shape == (256, 256, 3)
    assert any("end marker" in note for note in notes)


def test_large_progressive_jpeg__is_refused(astronaut: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    Image.fromarray(astronaut).save(tmp_path / "a.jpg", progressive=True)
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", "0.1")
    with pytest.raises(DataError, match="512 x 512 pixels, more than the limit"):
        read_rgb(tmp_path / "a.jpg")  # decoding it at any size needs memory for all its pixels


def test_jpeg2000__has_half_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    Image.new("RGB", (200, 200), "red").save(tmp_path / "a.jpg", "JPEG2000")
    assert read_rgb(tmp_path / "a.jpg").shape == (200, 200, 3)
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", "0.05")
    with pytest.raises(DataError, match=r"more than the limit of 0\.025 million for JPEG 2000"):
        read_rgb(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animation__has_a_lower_limit(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    frames = [Image.new("RGB", (200, 200), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "moving", kind, save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "still", kind)
    monkeypatch.setenv("FER_MAX_MEGAPIXELS", "0.05")
    assert read_rgb(tmp_path / "still").shape == (200, 200, 3)
    with pytest.raises(DataError, match=r"200 x 200 pixels, more than the limit of 0\.0125 million for an animation"):
        read_rgb(tmp_path / "moving")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from Linux")
@pytest.mark.parametrize("case", ["png16", "rgba16", "grey", "gif", "jpeg"])
def test_largest_picture__needs_at_most_one_gigabyte(case: str, tmp_path: Path):
    content = {
        "png16": lambda: _png(8000, 7900, 16),
        "rgba16": lambda: _png(8000, 7900, 16, 6),
        "grey": lambda: _png(8000, 7900),
        "gif": lambda: _stated((8000, 7900), "GIF"),
        "jpeg": lambda: _stated((60_000, 60_000), "JPEG"),
    }[case]()
    path = tmp_path / "large.png"
    path.write_bytes(content)
    code = (
        "import sys\nfrom pathlib import Path\nfrom fercli.media.images import read_rgb\n"
        "from fercli.errors import DataError\n"
        "try:\n    read_rgb(Path(sys.argv[1]))\nexcept DataError as error:\n    print(error)\n"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, env=os.environ, timeout=600
    )
    assert int(told.stdout.split()[-1]) < 1_000_000  # kB
