"""A picture file in, RGB uint8 [H, W, 3] as a person would see it out; and back to a file."""

from __future__ import annotations

import io
import os
import secrets
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fercli.errors import DataError, UsageError

Rgb = NDArray[np.uint8]  # [H, W, 3]

_PLAIN_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".gif")
IMAGE_SUFFIXES = (*_PLAIN_SUFFIXES, ".heic", ".heif", ".avif")

_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".bmp": "BMP", ".webp": "WEBP"} | {
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".ppm": "PPM",
}
_OPTIONS: dict[str, dict[str, int | bool | str]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {"compress_level": 3},
    "WEBP": {"lossless": True},
    "TIFF": {"compression": "tiff_lzw"},
}
WRITABLE_SUFFIXES = tuple(_FORMATS)
_PICTURE_BRANDS = (b"heic", b"heix", b"mif1", b"avif")  # of MP4's boxes, where they hold a picture
_LIMIT = round(2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6)  # Pillow refuses more
# what Pillow's decoders raise for broken files, beside OSError
_BROKEN = (SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error, MemoryError)


def read_rgb(path: Path, content: bytes | None = None) -> Rgb:
    """Read a picture upright (EXIF), in colour, on white where it is transparent, its first frame if it moves.

    content: its bytes, if they are here already; `path` is what messages call it then.
    Returns uint8 [H, W, 3]. Raises: DataError with one sentence for whatever is no readable picture.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise DataError(f"{path}: no file that pictures are read from", fix="a file; this is a pipe or a device")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd but readable files
            with _open(path if content is None else io.BytesIO(content)) as picture:
                picture.load()
                return _as_seen(ImageOps.exif_transpose(picture))
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{path}: the picture is too large ({_LIMIT} million pixels can be read)",
            fix="a file that a viewer opens; get this one again if it should be one",
        ) from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path}: {_what_it_is(path)}", fix="a file that a viewer opens; get this one again if it should be one"
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: {_why_unreadable(error)}",
            fix="a file that a viewer opens; get this one again if it should be one",
        ) from error
    except _BROKEN as error:
        raise DataError(
            f"{path}: the picture is broken", fix="a file that a viewer opens; get this one again if it should be one"
        ) from error


def write_image(path: Path, rgb: Rgb) -> None:
    """Write RGB uint8 [H, W, 3] in the format of the file's suffix, under a temporary name until it is complete.

    Raises: UsageError for a suffix that is no picture format.
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"cannot write {path.suffix or 'a file without suffix'}", fix=" ".join(WRITABLE_SUFFIXES))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        Image.fromarray(rgb).save(temporary, format=kind, **_OPTIONS.get(kind, {}))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def reason_of(error: OSError) -> str:
    """Why the system refused, in its own words."""
    return (error.strerror or str(error)).lower()


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: {reason_of(error)}", fix="make the folder readable for this user") from error


def writable_name(path: Path) -> Path:
    """`path` itself, with .png added if nothing here writes its format."""
    return path if path.suffix.lower() in WRITABLE_SUFFIXES else path.with_name(path.name + ".png")


def list_images(
    folder: Path, *, closed: Callable[[OSError], None] = _refuse, passed: Callable[[Path], None] | None = None
) -> list[Path]:
    """Every picture file below a folder by its suffix, hidden files and folders left out, sorted.

    closed: told of every folder that cannot be looked into; passed: of every file that is no picture by its suffix.
    Raises: DataError if the folder is not there or no folder, and unless `closed` is given where one cannot be looked into.
    """
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "is not there"
        raise DataError(f"{folder} {state}", fix="give a folder with pictures")
    return files_below(folder, IMAGE_SUFFIXES, closed=closed, passed=passed)


def files_below(
    folder: Path,
    suffixes: tuple[str, ...],
    *,
    closed: Callable[[OSError], None],
    passed: Callable[[Path], None] | None = None,
) -> list[Path]:
    """Files below a folder with one of the suffixes in either case, hidden ones left out, sorted.

    Links to folders are followed, unless they lead back to where they are in. closed: told of every folder that cannot
    be looked into; the error has its name. passed: told of every file that has none of the suffixes.
    """
    found = []
    for place, folders, names in os.walk(folder, onerror=closed, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".") and not _leads_back(Path(place, name))]
        for path in (Path(place, name) for name in names if name[0] != "."):
            if path.name.lower().endswith(suffixes):
                found.append(path)
            elif passed is not None:
                passed(path)
    return sorted(found)


def is_picture(path: Path) -> bool:
    """Whether a file begins as a picture does; what follows may still be broken."""
    return _frames_of(path) > 0


def _leads_back(folder: Path) -> bool:
    return folder.is_symlink() and Path(os.path.realpath(folder.parent)).is_relative_to(os.path.realpath(folder))


def is_animated(path: Path) -> bool:
    """Whether a picture file holds more than one frame; False for what is no picture."""
    return _frames_of(path) > 1


def _frames_of(path: Path) -> int:
    """How many frames a picture file holds, 0 if it is none, 1 for one that is too large to be opened."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _open(path) as picture:
                return int(getattr(picture, "n_frames", 1))
    except Image.DecompressionBombError:
        return 1
    except (OSError, *_BROKEN):
        return 0


def _open(file: Path | io.BytesIO) -> Image.Image:
    """Open a picture with what Pillow reads itself, and HEIC, as phones write it: whatever the file's name is."""
    try:
        return Image.open(file)
    except UnidentifiedImageError:
        if not _begins_as_mp4(file):
            raise
        from pi_heif import register_heif_opener

        register_heif_opener()
        return Image.open(file)


def _begins_as_mp4(file: Path | io.BytesIO) -> bool:
    """Whether the first box is that of MP4, QuickTime, HEIC and AVIF files."""
    if isinstance(file, io.BytesIO):
        return file.getvalue()[4:8] == b"ftyp"
    with file.open("rb") as opened:
        return opened.read(8)[4:] == b"ftyp"


def _as_seen(picture: Image.Image) -> Rgb:
    if picture.mode.startswith(("I", "F")):
        return _from_deep_grey(np.asarray(picture))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return np.array(picture.convert("RGB"))


def _from_deep_grey(grey: NDArray[np.generic]) -> Rgb:
    """Grey values of 16 or 32 bits, or floats in 0..1 or 0..255, as RGB."""
    values = grey.astype(np.float64)
    white = 65535.0
    if np.issubdtype(grey.dtype, np.floating):
        white = 1.0 if values.max(initial=0) <= 1 else 255.0
    eight_bit = np.nan_to_num(values * (255 / white)).round().clip(0, 255).astype(np.uint8)
    return np.repeat(eight_bit[..., None], 3, axis=2)


def _what_it_is(path: Path) -> str:
    if not path.is_file():
        return "not a picture"
    if path.stat().st_size == 0:
        return "the file is empty"
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp" and head[8:] in _PICTURE_BRANDS:
        return "the picture is broken"
    what = "a video, not a picture" if _is_film(head) else "not a picture"
    return f"{what}, whatever its name says ({path.suffix})" if path.suffix else what


def _is_film(head: bytes) -> bool:
    """Whether the first twelve bytes of what is no picture are those of an MP4, QuickTime, Matroska, WebM or AVI file."""
    return head[4:8] == b"ftyp" or head[:4] == b"\x1aE\xdf\xa3" or (head[:4], head[8:]) == (b"RIFF", b"AVI ")


def _why_unreadable(error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "a folder, not a picture"
    if error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return "the picture breaks off" if "truncated" in str(error) else "the picture is broken"
