"""Picture files as a person would see them, and broken ones as one clear sentence."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from fercli.errors import DataError, UsageError
from fercli.media.images import is_animated, list_images, read_rgb, write_image

HEIC = Path(__file__).with_name("astronaut.heic")
RED, WHITE = (255, 0, 0), (255, 255, 255)


def test_read_rgb__applies_the_exif_orientation(tmp_path: Path):
    picture = Image.new("RGB", (40, 20), "white")
    picture.paste("red", (0, 0, 10, 10))  # red at the top left
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    picture.save(tmp_path / "turned.png", exif=exif)
    rgb = read_rgb(tmp_path / "turned.png")
    assert rgb.shape == (40, 20, 3)
    assert tuple(rgb[2, -3]) == RED  # now at the top right


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LA", "RGBA"])
def test_read_rgb__reads_every_mode_as_rgb(mode: str, tmp_path: Path):
    Image.new("RGB", (8, 6), "white").convert(mode).save(tmp_path / "a.tif")
    rgb = read_rgb(tmp_path / "a.tif")
    assert (rgb.shape, rgb.dtype) == ((6, 8, 3), np.uint8)
    assert rgb.min() >= 254


def test_read_rgb__scales_sixteen_bits_of_grey(tmp_path: Path):
    values = np.array([[0, 257 * 100, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    assert read_rgb(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 100, 255]


def test_read_rgb__puts_what_is_transparent_on_white(tmp_path: Path):
    pixels = np.array([[[255, 0, 0, 255], [255, 0, 0, 0]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "clear.png")
    assert read_rgb(tmp_path / "clear.png").tolist() == [[list(RED), list(WHITE)]]


def test_read_rgb__puts_a_transparent_palette_colour_on_white(tmp_path: Path):
    picture = Image.new("P", (1, 1), 0)
    picture.putpalette([255, 0, 0])
    picture.save(tmp_path / "palette.png", transparency=0)
    assert read_rgb(tmp_path / "palette.png").tolist() == [[list(WHITE)]]


def test_read_rgb__takes_the_first_frame_of_a_moving_picture(tmp_path: Path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    assert tuple(read_rgb(tmp_path / "moves.gif")[0, 0]) == RED
    assert is_animated(tmp_path / "moves.gif")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("text.jpg", b"hello", "not a picture"),
        ("empty.png", b"", "empty"),
        ("cut.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "broken|not a picture|truncated"),
    ],
)
def test_read_rgb__reports_what_is_wrong(name: str, content: bytes, said: str, tmp_path: Path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as error:
        read_rgb(tmp_path / name)
    assert str(tmp_path / name) in error.value.message


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".gif"])
def test_read_rgb__never_lets_another_error_out_of_a_damaged_file(suffix: str, astronaut: np.ndarray, tmp_path: Path):
    Image.fromarray(astronaut[::8, ::8]).save(tmp_path / f"whole{suffix}")
    whole = (tmp_path / f"whole{suffix}").read_bytes()
    random = np.random.default_rng(0)
    for number in range(40):
        damaged = bytearray(whole[: random.integers(1, len(whole))])
        for place in random.integers(0, len(damaged), 3):
            damaged[place] = random.integers(256)
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(damaged)
        with contextlib.suppress(DataError):
            assert read_rgb(path).shape[2] == 3


def test_read_rgb__refuses_a_missing_file_and_a_folder(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        read_rgb(tmp_path / "nope.jpg")
    with pytest.raises(DataError, match="folder"):
        read_rgb(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".tiff", ".ppm"])
def test_write_image__keeps_every_pixel(suffix: str, astronaut: np.ndarray, tmp_path: Path):
    write_image(tmp_path / "new" / f"face{suffix}", astronaut[:50, :60])
    np.testing.assert_array_equal(read_rgb(tmp_path / "new" / f"face{suffix}"), astronaut[:50, :60])


def test_write_image__leaves_nothing_behind_when_it_fails(tmp_path: Path):
    with pytest.raises(TypeError):
        write_image(tmp_path / "face.png", np.zeros((4, 4, 7), np.uint8))
    with pytest.raises(UsageError, match="cannot write"):
        write_image(tmp_path / "face.doc", np.zeros((4, 4, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_list_images__finds_pictures_at_any_depth_and_leaves_out_hidden_ones(tmp_path: Path):
    for name in ("b/two.JPG", "a.png", "notes.txt", ".hidden.png", ".git/x.png", "b/c/three.webp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)] == [
        "a.png",
        "b/c/three.webp",
        "b/two.JPG",
    ]


def test_list_images__refuses_what_is_no_folder(tmp_path: Path):
    with pytest.raises(DataError, match="does not exist"):
        list_images(tmp_path / "nope")


@pytest.mark.parametrize("name", ["a.HEIC", "a.jpg"])
def test_read_rgb__reads_a_phone_s_heic_upright_whatever_its_name(tmp_path: Path, astronaut: np.ndarray, name: str):
    """The file holds the upper three quarters of the astronaut at 64 px, to be turned right by a quarter."""
    shutil.copy(HEIC, tmp_path / name)
    seen = Image.fromarray(astronaut).resize((64, 64), Image.Resampling.LANCZOS).crop((0, 0, 64, 48))
    upright = np.rot90(np.asarray(seen), -1).astype(float)
    assert np.abs(read_rgb(tmp_path / name) - upright).mean() < 6
    assert np.abs(read_rgb(tmp_path / name)[::-1] - upright).mean() > 50


@pytest.mark.parametrize("kept", [16, 600, 1701])
def test_read_rgb__calls_a_heic_that_breaks_off_broken(tmp_path: Path, kept: int):
    (tmp_path / "a.heic").write_bytes(HEIC.read_bytes()[:kept])
    with pytest.raises(DataError, match="the picture is broken"):
        read_rgb(tmp_path / "a.heic")


def test_read_rgb__reads_avif(tmp_path: Path, astronaut: np.ndarray):
    Image.fromarray(astronaut).save(tmp_path / "a.avif")
    assert np.abs(read_rgb(tmp_path / "a.avif").astype(float) - astronaut).mean() < 6


def test_read_rgb__reports_that_a_name_is_too_long(tmp_path: Path):
    with pytest.raises(DataError, match="file name too long"):
        read_rgb(tmp_path / f"{'a' * 300}.jpg")


def test_list_images__does_not_pass_over_a_closed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("a.png", "closed/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    usual = os.scandir

    def scandir(place: str) -> Any:
        if place.endswith("closed"):
            raise PermissionError(13, "Permission denied", place)
        return usual(place)

    monkeypatch.setattr(os, "scandir", scandir)  # tests may run as root, who may look anywhere
    with pytest.raises(DataError, match="closed: permission denied"):
        list_images(tmp_path)
    errors: list[OSError] = []
    assert list_images(tmp_path, on_unreadable=errors.append) == [tmp_path / "a.png"]
    assert [error.filename for error in errors] == [str(tmp_path / "closed")]


def test_list_images__ignores_circular_links(tmp_path: Path):
    for name in ("a/b/one.png", "elsewhere/two.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "side").symlink_to(tmp_path / "elsewhere")
    names = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path / "a")]
    assert names == ["a/b/one.png", "a/side/two.png"]


def test_read_rgb__does_not_wait_at_a_pipe(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(DataError, match="not a regular file"):
        read_rgb(tmp_path / "pipe.jpg")


def _turned(picture: Image.Image, path: Path) -> None:
    """As a camera held upright saves it: the pixels lie on their side, and EXIF tells."""
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)


def _animated(picture: Image.Image, path: Path) -> None:
    picture.save(path, save_all=True, append_images=[Image.new("RGB", picture.size, "blue")], lossless=True)


def _sixteen_bits(picture: Image.Image, path: Path) -> None:
    deep = np.asarray(picture.convert("RGB")).astype(np.uint16) * 257
    cv2.imwrite(str(path), deep[..., ::-1])


def _as(mode: str):
    return lambda picture, path: picture.convert(mode).save(path, quality=95)


def _palette(picture: Image.Image, path: Path) -> None:
    picture.quantize(256).save(path)


def _lab(picture: Image.Image, path: Path) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB").save(path)


def _deep_grey(picture: Image.Image, path: Path) -> None:
    Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(path)


def _float_grey(picture: Image.Image, path: Path) -> None:
    Image.fromarray(np.asarray(picture.convert("L")).astype(np.float32) / 255).save(path)


KINDS = {
    "exif.jpg": _turned,
    "grey.png": _as("L"),
    "grey_alpha.png": _as("LA"),
    "deep_grey.png": _deep_grey,
    "deep_grey.tif": _deep_grey,
    "float_grey.tif": _float_grey,
    "deep_colour.png": _sixteen_bits,
    "deep_colour.tif": _sixteen_bits,
    "palette.png": _palette,
    "palette.gif": _palette,
    "alpha.png": _as("RGBA"),
    "cmyk.jpg": _as("CMYK"),
    "cmyk.tif": _as("CMYK"),
    "lab.tif": _lab,
    "moves.gif": _animated,
    "moves.webp": _animated,
    "moves.png": _animated,
}


@pytest.mark.parametrize("name", KINDS)
def test_read_rgb__reads_the_same_face_from_every_kind_of_file(name: str, astronaut: np.ndarray, tmp_path: Path):
    face = np.ascontiguousarray(astronaut[40:220:2, 150:300:2])
    KINDS[name](Image.fromarray(face), tmp_path / name)
    seen = read_rgb(tmp_path / name)
    grey = np.asarray(Image.fromarray(face).convert("L"))[..., None].repeat(3, axis=2)
    expected = grey if "grey" in name else face
    assert seen.shape == face.shape
    far = 6 if "gif" in name or "palette" in name else 3  # 256 colours at most
    assert np.abs(seen.astype(int) - expected).mean() < far
