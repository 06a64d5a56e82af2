"""Read pictures as RGB uint8 [H, W, 3], as a viewer shows them, and write them."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from fercli.errors import DataError, UsageError
from fercli.media.deep_tiff import read_deep_tiff
from fercli.media.jpeg_end import without_end_marker
from fercli.media.picture_files import (
    BROKEN,
    TURNED_FORMATS,
    content_of,
    is_of_system,
    open_picture,
    open_without_metadata,
)
from fercli.media.pixel_values import read_deep_png
from fercli.media.rgb_pixels import ORIENTATIONS, to_rgb, turned
from fercli.media.rgb_pixels import Rgb as Rgb  # noqa: PLC0414 - for the modules that read pictures
from fercli.media.tiff import directory_position, is_tiff
from fercli.system.files import replacing

_PLAIN_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".gif")
IMAGE_SUFFIXES = (*_PLAIN_SUFFIXES, ".heic", ".heif", ".avif", ".jpe", ".apng", ".dib", ".jp2")

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
_PICTURE_BRANDS = (b"heic", b"heix", b"mif1", b"avif")  # brands of the MP4 container that contain a picture
_FIX = "check that another program opens the file; if not, get it again"
_LIKELY_16_BITS = 64  # upper 8 bits of a colour; if all are lower, at most 14 of 16 bits are used
_DEEP_PIXELS = 32_000_000  # that are read with all their bits; needs 20 bytes a pixel
_SAMPLED_PIXELS = 1 << 23  # of larger pictures only some rows are looked at


def read_rgb(path: Path, content: bytes | None = None, *, notes: list[str] | None = None) -> Rgb:
    """Read a picture upright (EXIF), in RGB, transparency blended on white; of an animation, the first frame.

    content: the bytes of the file, if they were read already; `path` is used in messages. notes: gets a sentence for each
    fault of the file that does not concern its pixels.
    Returns uint8 [H, W, 3]. Raises: DataError with one sentence for anything that is not a readable picture.
    """
    notes = [] if notes is None else notes
    file = path if content is None else io.BytesIO(content)
    with picture_errors(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise DataError(f"{path}: not a regular file", fix="give a file, not a pipe or a device")
        if (of_tiff := read_deep_tiff(file, notes)) is not None:
            return of_tiff
        with open_picture(file) as picture:
            if full := picture.info.get("full_size"):
                notes.append("read at {} x {} of its {} x {} pixels".format(*picture.size, *full))
            is_deep = _is_deep_colour(picture)
            if picture.format == "TIFF" and (pages := int(getattr(picture, "n_frames", 1))) > 1:
                notes.append(f"the first of {pages} pages is read")
            loaded = load_picture(picture, file, notes)
            if is_deep and _is_dark(loaded):
                return _deep_rgb(file, loaded, notes)
            return upright_rgb(loaded, notes=notes)


def _deep_rgb(file: Path | io.BytesIO, loaded: Image.Image, notes: list[str]) -> Rgb:
    """Read all bits of a picture that Pillow loaded with 8 bits."""
    size, orientation = loaded.size, _orientation(loaded, notes)
    shallow = to_rgb(loaded)
    if size[0] * size[1] > _DEEP_PIXELS:
        notes.append("only the upper 8 bits of its colours are read, since it is large and dark")
        return turned(shallow, orientation)
    loaded.close()  # its memory is needed
    deep = read_deep_png(content_of(file))
    return turned(shallow if deep is None or deep.shape[1::-1] != size else deep, orientation)


@contextlib.contextmanager
def picture_errors(path: Path) -> Iterator[None]:
    """Turn the errors of Pillow's decoders into DataError, and ignore its warnings."""
    try:
        with _ignore_picture_warnings():
            yield
    except DataError as error:
        if error.message.startswith(f"{path}: "):
            raise
        raise DataError(f"{path}: {error.message}", fix=error.fix) from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: {_describe_unknown(path)}", fix=_FIX) from error
    except OSError as error:
        raise DataError(f"{path}: {_read_error(error)}", fix=_FIX) from error
    except BROKEN as error:
        raise DataError(f"{path}: the picture is broken", fix=_FIX) from error


def upright_rgb(picture: Image.Image, *, notes: list[str] | None = None) -> Rgb:
    """Return the pixels of a loaded picture, upright, RGB uint8 [H, W, 3]."""
    return turned(to_rgb(picture), _orientation(picture, [] if notes is None else notes))


def _orientation(picture: Image.Image, notes: list[str]) -> int:
    """The EXIF orientation, 1 to 8; 1 if there is none or it cannot be read."""
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - whatever Pillow's parser raises, the pixels do not depend on it
        stored = "" if picture.format in TURNED_FORMATS else ": shown as stored, perhaps not upright"
        notes.append(f"the EXIF data are broken{stored}")
        return 1
    return value if isinstance(value, int) and value in ORIENTATIONS else 1


def load_picture(picture: Image.Image, file: Path | io.BytesIO | None, notes: list[str]) -> Image.Image:
    """Decode a picture; also one that lacks only the end marker of JPEG, or whose metadata are broken.

    file: None if it is not at hand.
    """
    if (fault := picture.info.get("fault")) is not None:
        notes.append(fault)
    try:
        picture.load()
    except (OSError, *BROKEN) as error:
        loaded = None if file is None or is_of_system(error) else _loaded_in_spite(picture, file, error, notes)
        if loaded is None:
            raise
        return loaded
    return picture


def _loaded_in_spite(
    picture: Image.Image, file: Path | io.BytesIO, error: Exception, notes: list[str]
) -> Image.Image | None:
    if picture.format in ("JPEG", "MPO"):
        content = content_of(file)
        complete = without_end_marker(content, picture.size) if "truncated" in str(error) else None
        if complete is not None:
            notes.append("the end marker of the JPEG file is missing, all pixels are there")
        return complete
    plain = open_without_metadata(file)
    if plain is None:
        return None
    notes.append(plain.info["fault"])
    plain.load()
    return plain


def _is_deep_colour(picture: Image.Image) -> bool:
    """Whether colours have 16 bits, of which Pillow reads the upper 8; known until it is loaded."""
    return picture.mode in ("RGB", "RGBA", "LA") and any("16" in str(tile[3]) for tile in getattr(picture, "tile", ()))


def _is_dark(picture: Image.Image) -> bool:
    """Whether a picture is so dark as if it used a part of its bits only; transparency does not count."""
    pixels = np.asarray(picture)[:: 1 + picture.width * picture.height // _SAMPLED_PIXELS]
    return float(np.percentile(pixels[..., :-1] if picture.mode in ("RGBA", "LA") else pixels, 99.9)) < _LIKELY_16_BITS


def write_image(path: Path, rgb: Rgb) -> None:
    """Write RGB uint8 [H, W, 3] in the format of the file's suffix, atomically.

    Raises: UsageError for a suffix that is not a picture format.
    """
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(
            f"cannot write a picture as {path.suffix or 'a file without suffix'}",
            fix=f"use one of {' '.join(WRITABLE_SUFFIXES)}",
        )
    with replacing(path, durable=False) as temporary:
        Image.fromarray(rgb).save(temporary, format=kind, **_OPTIONS.get(kind, {}))


def reason_of(error: Exception) -> str:
    """Return the message of an error, that of the operating system if it has one, in lower case."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: {reason_of(error)}", fix="make the folder readable for this user") from error


def writable_name(path: Path) -> Path:
    """Return `path`, with .png appended if its format cannot be written."""
    return path if path.suffix.lower() in WRITABLE_SUFFIXES else path.with_name(path.name + ".png")


def list_images(
    folder: Path,
    *,
    on_unreadable: Callable[[OSError], None] = _refuse,
    on_skipped: Callable[[Path], None] | None = None,
) -> list[Path]:
    """List the picture files below a folder by their suffix, sorted, without hidden files and folders.

    on_unreadable: called for every folder that cannot be read. on_skipped: called for every file with another suffix.
    Raises: DataError if the folder does not exist or, without `on_unreadable`, if a folder cannot be read.
    """
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(f"{folder} {state}", fix="give a folder with pictures")
    return files_below(folder, IMAGE_SUFFIXES, on_unreadable=on_unreadable, on_skipped=on_skipped)


def files_below(
    folder: Path,
    suffixes: tuple[str, ...],
    *,
    on_unreadable: Callable[[OSError], None],
    on_skipped: Callable[[Path], None] | None = None,
) -> list[Path]:
    """List the files below a folder with one of the suffixes (any case), sorted, without hidden files and folders.

    Symbolic links to folders are followed unless they form a loop. on_unreadable: called for every folder that cannot be
    read; the error has its name. on_skipped: called for every file with another suffix.
    """
    files = []
    for parent, folders, names in os.walk(folder, onerror=on_unreadable, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".") and not _is_loop(Path(parent, name))]
        for path in (Path(parent, name) for name in names if name[0] != "."):
            if path.name.lower().endswith(suffixes):
                files.append(path)
            elif on_skipped is not None:
                on_skipped(path)
    return sorted(files)


def is_picture(path: Path) -> bool:
    """Whether a file starts like a picture; the rest may still be broken."""
    return _count_frames(path) > 0


def _is_loop(folder: Path) -> bool:
    return folder.is_symlink() and Path(os.path.realpath(folder.parent)).is_relative_to(os.path.realpath(folder))


def is_animated(path: Path) -> bool:
    """Whether a picture file has more than one frame; False for other files."""
    return _count_frames(path) > 1


def _count_frames(path: Path) -> int:
    """Number of frames of a picture file; 0 for other files, 1 for a picture that is too large to open."""
    try:
        with _ignore_picture_warnings(), open_picture(path) as picture:
            return int(getattr(picture, "n_frames", 1))
    except DataError:
        return 1
    except (OSError, *BROKEN):
        return 0


@contextlib.contextmanager
def _ignore_picture_warnings() -> Iterator[None]:
    """Ignore Pillow's warnings about unusual but readable files; its deprecation warnings are kept."""
    with warnings.catch_warnings():
        for kind in (UserWarning, RuntimeWarning):
            warnings.simplefilter("ignore", kind)
        yield


def _describe_unknown(path: Path) -> str:
    """What a file is that Pillow does not identify."""
    if not path.is_file():
        return "not a picture"
    if path.stat().st_size == 0:
        return "the file is empty"
    with path.open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS:
        return "the picture is broken"
    if is_tiff(head[:4]):
        is_cut = directory_position(head) >= path.stat().st_size
        return "the picture is truncated" if is_cut else "a TIFF of a kind that cannot be read"
    content = "a video, not a picture" if _is_video(head[:12]) else "not a picture"
    return f"{content}, despite its suffix {path.suffix}" if path.suffix else content


def _is_video(head: bytes) -> bool:
    """Whether these first twelve bytes are those of an MP4, QuickTime, Matroska, WebM or AVI file."""
    return head[4:8] == b"ftyp" or head[:4] == b"\x1aE\xdf\xa3" or (head[:4], head[8:]) == (b"RIFF", b"AVI ")


def _read_error(error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "a folder, not a picture"
    if error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return "the picture is truncated" if "truncated" in str(error) else "the picture is broken"
