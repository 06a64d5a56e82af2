"""Pictures whose pixels are complete are read in spite of other faults, which are reported."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.errors import DataError
from fercli.media.feed import feed
from fercli.media.images import read_rgb
from fercli.media.sources import find_sources

BROKEN_EXIF = (
    b"Exif\0\0II*\0\xff\xff\xff\xff",  # the directory is behind the end
    b"Exif\0\0garbage",
    b"MM\0*\0\0\0\x08\0\x05\x01\x12",  # five entries, of which a part of one is there
    b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\xff\xff\xff\x7f\0\0\0\0",  # an orientation of 2 GB text
    b"",
    b"\0",
)


BROKEN_EXIF_NOTE = "the EXIF data are broken: shown as stored, perhaps not upright"
BROKEN_METADATA = "the metadata of the file are broken: shown as stored, perhaps not upright"


def _png(rgb: np.ndarray, exif: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    content = buffer.getvalue()
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
    place = content.index(b"IDAT") - 4
    return content[:place] + chunk + content[place:]


def _webp(rgb: np.ndarray, exif: bytes) -> bytes:
    buffer = io.BytesIO()
    marker = b"II*\0" + b"MARKER" * 4
    Image.fromarray(rgb).save(buffer, "WEBP", lossless=True, exif=marker)
    content = buffer.getvalue()
    place = content.index(marker)
    return content[:place] + exif.ljust(len(marker), b"\xff")[: len(marker)] + content[place + len(marker) :]


def _jpeg(rgb: np.ndarray, exif: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=95, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("make", [_png, _webp, _jpeg])
@pytest.mark.parametrize("exif", BROKEN_EXIF)
def test_read_rgb__reads_pixels_beside_broken_exif(make, exif: bytes, tmp_path: Path):
    rgb = np.full((40, 60, 3), (200, 90, 30), np.uint8)
    path = tmp_path / "a.bin"
    path.write_bytes(make(rgb, exif))
    np.testing.assert_allclose(read_rgb(path), rgb, atol=3)


def test_feed__reports_that_exif_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.png").write_bytes(_png(np.full((40, 60, 3), 90, np.uint8), BROKEN_EXIF[0]))

    def refuse(_: Image.Image) -> Image.Exif:
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr(Image.Image, "getexif", refuse)
    (item,) = feed(find_sources([str(tmp_path / "a.png")]))
    assert item.rgb is not None
    assert item.note == BROKEN_EXIF_NOTE


def test_read_rgb__reads_heic_beside_broken_exif():
    content = bytearray((Path(__file__).parent / "astronaut.heic").read_bytes())
    whole = read_rgb(Path(__file__).parent / "astronaut.heic")
    place = content.rfind(b"Exif\0\0")  # the first one is the type of the item
    for begin in (-4, 0, 6, 10):  # the offset of the data, their name, their byte order, the offset of the directory
        broken = content.copy()
        broken[place + begin : place + begin + 4] = b"\xff" * 4
        notes: list[str] = []
        np.testing.assert_array_equal(read_rgb(Path("a.heic"), bytes(broken), notes=notes), whole)
        assert set(notes) <= {"the metadata of the file are broken", "the EXIF data are broken"}


@pytest.mark.parametrize("fault", [b"zzzz", b"MM\0*\xff\xff\xff\xff"])
def test_read_rgb__reads_avif_beside_broken_exif(fault: bytes, astronaut: np.ndarray, tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112], exif[0x0131] = 6, "the program of a camera"
    buffer = io.BytesIO()
    Image.fromarray(astronaut[:200, 100:400]).save(buffer, "AVIF", quality=95, exif=exif.tobytes())
    whole = read_rgb(Path("a.avif"), buffer.getvalue())
    assert whole.shape == (300, 200, 3)
    content = buffer.getvalue()
    place = content.rindex(b"MM\0*", 0, content.index(b"the program of a camera"))
    broken = content[:place] + fault + content[place + len(fault) :]
    notes: list[str] = []
    np.testing.assert_array_equal(read_rgb(Path("a.avif"), broken, notes=notes), whole)
    assert set(notes) <= {"the metadata of the file are broken", "the EXIF data are broken"}


@pytest.mark.parametrize(
    ("kind", "data", "checksum"), [(b"eXIf", b"MM\0*", 1), (b"pHYs", b"xx", None), (b"pHYs", b"x" * 9, 5)]
)
@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
def test_read_rgb__reads_png_beside_a_broken_chunk(kind: bytes, data: bytes, checksum: int | None, before: bytes):
    rgb = np.full((40, 60, 3), (200, 90, 30), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    content = buffer.getvalue()
    chunk = struct.pack(">I", len(data)) + kind + data
    chunk += struct.pack(">I", zlib.crc32(kind + data) if checksum is None else checksum)
    place = content.index(before) - 4
    notes: list[str] = []
    np.testing.assert_array_equal(read_rgb(Path("a.png"), content[:place] + chunk + content[place:], notes=notes), rgb)
    assert set(notes) <= {BROKEN_METADATA, BROKEN_EXIF_NOTE}


@pytest.mark.parametrize("segment", [b"\xff\xee\0\x07Adobe", b"\xff\xe0\0\x07JFIF\0", b"\xff\xe2\0\x10ICC_PROFILE\0\1"])
def test_read_rgb__reads_jpeg_beside_a_short_segment(segment: bytes, astronaut: np.ndarray):
    buffer = io.BytesIO()
    Image.fromarray(astronaut[:60, 100:180]).save(buffer, "JPEG")
    whole, content = np.asarray(Image.open(buffer)), buffer.getvalue()
    notes: list[str] = []
    np.testing.assert_array_equal(read_rgb(Path("a.jpg"), content[:2] + segment + content[2:], notes=notes), whole)
    assert set(notes) <= {BROKEN_METADATA}


def test_read_rgb__reads_heic_whose_exif_is_cut_off():
    content = (Path(__file__).parent / "astronaut.heic").read_bytes()
    whole = read_rgb(Path("a.heic"), content)
    place = content.rfind(b"Exif\0\0")
    assert place > len(content) // 2
    notes: list[str] = []
    np.testing.assert_array_equal(read_rgb(Path("a.heic"), content[: place + 8], notes=notes), whole)
    assert notes == ["the metadata of the file are broken"]


def test_read_rgb__reads_webp_whose_exif_is_cut_off():
    rgb = np.full((40, 60, 3), (200, 90, 30), np.uint8)
    content = _webp(rgb, b"II*\0" + b"MARKER" * 4)
    notes: list[str] = []
    np.testing.assert_array_equal(read_rgb(Path("a.webp"), content[:-10], notes=notes), rgb)
    assert notes == [BROKEN_METADATA]


def test_feed__reads_all_frames_of_an_animation_beside_broken_exif(tmp_path: Path):
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue", "green")]
    exif = b"Exif\0\0II*\0" + b"MARKER" * 4
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True, exif=exif)
    (tmp_path / "a.webp").write_bytes((tmp_path / "a.webp").read_bytes()[:-10])
    items = list(feed(find_sources([str(tmp_path / "a.webp")])))
    assert [tuple(item.rgb[0, 0]) for item in items if item.rgb is not None] == [(255, 0, 0), (0, 0, 255), (0, 128, 0)]
    assert [item.note for item in items] == [BROKEN_METADATA, None, None]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
def test_read_rgb__reads_a_jpeg_that_lacks_only_its_end_marker(
    options: dict[str, object], astronaut: np.ndarray, tmp_path: Path
):
    buffer = io.BytesIO()
    Image.fromarray(astronaut[:203, :301]).save(buffer, "JPEG", quality=90, **options)
    whole = np.asarray(Image.open(buffer))
    content = buffer.getvalue()
    for missing in (1, 2):
        path = tmp_path / f"{missing}.jpg"
        path.write_bytes(content[:-missing])
        notes: list[str] = []
        np.testing.assert_array_equal(read_rgb(path, notes=notes), whole)
        assert notes in ([], ["the end marker of the JPEG file is missing, all pixels are there"])
    for missing in (20, 200, len(content) // 2):
        path = tmp_path / f"{missing}.jpg"
        path.write_bytes(content[:-missing])
        with pytest.raises(DataError, match="truncated"):
            read_rgb(path)


def test_read_rgb__refuses_a_progressive_jpeg_that_lacks_scans(astronaut: np.ndarray):
    buffer = io.BytesIO()
    Image.fromarray(astronaut[:203, :301]).save(buffer, "JPEG", quality=90, progressive=True)
    content = buffer.getvalue()
    scans = [place for place in range(len(content)) if content[place : place + 2] == b"\xff\xda"]
    assert len(scans) > 5
    for place in scans[1:]:
        with pytest.raises(DataError, match="truncated"):
            read_rgb(Path("a.jpg"), content[:place])


def test_read_rgb__reads_a_phone_picture_whose_second_picture_and_end_marker_are_missing(
    astronaut: np.ndarray, tmp_path: Path
):
    first, second = Image.fromarray(astronaut[:203, :301]), Image.fromarray(astronaut[:100, :100])
    first.save(tmp_path / "a.mpo", "MPO", save_all=True, append_images=[second])
    content = (tmp_path / "a.mpo").read_bytes()
    whole = read_rgb(tmp_path / "a.mpo")
    end = content.index(b"\xff\xd9\xff\xd8")
    np.testing.assert_array_equal(read_rgb(Path("a.jpg"), content[:end]), whole)


def test_read_rgb__keeps_the_orientation_of_a_jpeg_without_end_marker(astronaut: np.ndarray, tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(astronaut[:203, :301]).save(buffer, "JPEG", exif=exif)
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue()[:-2])
    assert read_rgb(tmp_path / "a.jpg").shape == (301, 203, 3)


def test_read_rgb__says_that_a_tiff_has_more_pages(tmp_path: Path):
    pages = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    notes: list[str] = []
    assert tuple(read_rgb(tmp_path / "a.tif", notes=notes)[0, 0]) == (255, 0, 0)
    assert notes == ["the first of 3 pages is read"]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tif", "bmp", "avif", "ppm"])
def test_read_rgb__raises_nothing_but_data_error_for_broken_pictures(
    suffix: str, astronaut: np.ndarray, tmp_path: Path
):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(astronaut[:60, 100:180]).save(path)
    content = path.read_bytes()
    draw = np.random.default_rng(0)
    for number in range(120):
        broken = bytearray(content)
        for place in draw.integers(0, len(content) if number % 2 else min(200, len(content)), 1 + number % 7):
            broken[place] = draw.integers(0, 256)
        path.write_bytes(broken[: len(broken) - number % 3 * 20])
        try:
            assert read_rgb(path).ndim == 3
        except DataError:
            continue


@pytest.mark.shared
def test_feed__reads_the_shared_jpeg(shared: Path):
    (item,) = feed(find_sources([str(shared / "cases" / "jpeg_no_eoi" / "noeoi.jpg")]))
    assert item.rgb is not None
    assert item.note is not None
