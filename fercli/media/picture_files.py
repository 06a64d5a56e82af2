"""Open picture files: known formats only, and none that needs more memory than stated."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from fercli.errors import DataError, UsageError
from fercli.media.jpeg import has_many_scans, is_sequential
from fercli.media.metadata import may_have_metadata, without_metadata
from fercli.media.tiff_size import tiff_size

# Formats of photos. Others of Pillow start programs (EPS), read other files, or are not pictures of faces.
FORMATS = (
    *("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "DIB", "PPM", "GIF", "AVIF"),
    *("JPEG2000", "TGA", "QOI", "PCX", "SGI", "HEIF"),
)
TURNED_FORMATS = ("HEIF", "AVIF")  # whose decoders turn pictures upright, whatever the EXIF data say
LIMIT_VARIABLE = "FER_MAX_MEGAPIXELS"
_DEFAULT_LIMIT = 64  # million pixels; 7 bytes a pixel are needed at most
_TIFF_BYTES = 8  # for each pixel of the limit; floats in three colours have 12
_SLOW = 8  # times as many pixels count for a picture whose decoder is written in Python
_COMPOSED = 4  # for animations, of which Pillow keeps several frames to compose the next one
_WIDE = 2  # for JPEG 2000, whose decoder keeps 12 bytes a pixel and a copy
ANIMATED_FORMATS = ("GIF", "PNG", "WEBP", "AVIF")  # the others have pages or previews, not frames
_JPEG_SCALES = (2, 4, 8)  # a JPEG can be decoded at a fraction of its size
_JPEG_HEAD = 1 << 20  # bytes with the segments before its first scan
# raised by Pillow's decoders for broken files, in addition to OSError
BROKEN = (
    *(SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError),
    *(EOFError, RuntimeError, MemoryError, struct.error, zlib.error, Image.DecompressionBombError),
)


def open_picture(file: Path | io.BytesIO) -> Image.Image:
    """Open a picture in one of FORMATS, whatever the file's suffix; its pixels are not decoded yet.

    A JPEG over the limit is opened at a half, a quarter or an eighth of its size. If broken metadata were left out, there is
    a sentence in `picture.info["fault"]`.
    Raises: DataError for a picture over the limit, OSError or one of BROKEN for a file that is not a picture.
    """
    check_tiff(file)
    try:
        picture = _opened(file)
    except (OSError, *BROKEN) as error:
        plain = None if is_of_system(error) else open_without_metadata(file)
        if plain is None:
            raise
        picture = plain
    try:
        _shrink_jpeg(picture, file)
        check_size(*picture.size)
        _check_decoder(picture, file)
    except BaseException:
        picture.close()
        raise
    return picture


def is_of_system(error: Exception) -> bool:
    """Whether an error is one of the operating system, such as a missing file, and not of a broken picture."""
    return isinstance(error, OSError) and error.errno is not None


def open_without_metadata(file: Path | io.BytesIO) -> Image.Image | None:
    """Open a JPEG, PNG, WebP, HEIC or AVIF without its metadata; None if this does not help, and for other files."""
    try:
        if not may_have_metadata(head_of(file, 12)):
            return None
        content = without_metadata(content_of(file))
        picture = None if content is None else _opened(io.BytesIO(content))
    except (OSError, *BROKEN):
        return None
    if picture is not None:
        stored = "" if picture.format in TURNED_FORMATS else ": shown as stored, perhaps not upright"
        picture.info["fault"] = f"the metadata of the file are broken{stored}"
    return picture


def check_size(width: int, height: int) -> None:
    """Raise DataError, without the name of the file, if a picture has more pixels than the limit."""
    limit = pixel_limit()
    if width * height > limit:
        raise DataError(
            f"{width} x {height} pixels, more than the limit of {limit / 1e6:g} million",
            fix=f"shrink it, or set {LIMIT_VARIABLE}",
        )


def check_tiff(file: Path | io.BytesIO) -> None:
    """Raise DataError for a TIFF whose picture, or one of its tiles, takes more memory than the limit allows."""
    size = tiff_size(file)
    if size is None:
        return
    check_size(size.width, size.height)
    limit = _TIFF_BYTES * pixel_limit()
    if size.decoded_bytes > limit:
        raise DataError(
            f"a TIFF of {size.decoded_bytes / 1e6:,.0f} MB when it is decoded, more than the limit of {limit / 1e6:,.0f} MB",
            fix=f"shrink it, or set {LIMIT_VARIABLE}",
        )


def _check_decoder(picture: Image.Image, file: Path | io.BytesIO) -> None:
    """Raise DataError for a picture that takes more time or memory for its pixels than others do, and has many."""
    pixels, whole = picture.width * picture.height, pixel_limit()
    if any(tile[0] in Image.DECODERS for tile in getattr(picture, "tile", ())):  # written in Python
        factor, what, fix = _SLOW, f"its kind of {picture.format}, which is slow to read", "save it as PNG"
    elif picture.format in ("JPEG", "MPO") and pixels > whole // _SLOW and has_many_scans(content_of(file)):
        factor, what, fix = _SLOW, "a JPEG of so many scans, which is slow to read", "save it again"
    elif picture.format == "JPEG2000":
        factor, what, fix = _WIDE, "JPEG 2000", "save it as PNG"
    elif pixels > whole // _COMPOSED and picture.format in ANIMATED_FORMATS and getattr(picture, "n_frames", 1) > 1:
        factor, what, fix = _COMPOSED, "an animation", "shrink it"
    else:
        return
    if pixels > whole // factor:
        raise DataError(
            f"{picture.width} x {picture.height} pixels, more than the limit of {whole / factor / 1e6:g} million for {what}",
            fix=f"{fix}, or set {LIMIT_VARIABLE}",
        )


def pixel_limit() -> int:
    """Return the largest number of pixels of a picture or frame: FER_MAX_MEGAPIXELS million, 64 million by default.

    Raises: UsageError if the variable is not a number above 0.
    """
    text = os.environ.get(LIMIT_VARIABLE, str(_DEFAULT_LIMIT))
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not 0 < limit < 1e6:
        raise UsageError(f"{LIMIT_VARIABLE} is {text!r}: must be a number above 0", fix=f"{LIMIT_VARIABLE}=128")
    return round(limit * 1e6)


def starts_like_mp4(file: Path | io.BytesIO) -> bool:
    """Whether a file starts with the `ftyp` box of MP4, QuickTime, HEIC and AVIF."""
    return head_of(file, 8)[4:] == b"ftyp"


def content_of(file: Path | io.BytesIO) -> bytes:
    """Return all bytes of a file."""
    return file.read_bytes() if isinstance(file, Path) else file.getvalue()


def head_of(file: Path | io.BytesIO, size: int) -> bytes:
    """Return the first bytes of a file."""
    if isinstance(file, io.BytesIO):
        return file.getvalue()[:size]
    with file.open("rb") as opened:
        return opened.read(size)


def _opened(file: Path | io.BytesIO) -> Image.Image:
    try:
        return _pillow(file)
    except UnidentifiedImageError:
        if not starts_like_mp4(file):
            raise
        from pi_heif import register_heif_opener

        register_heif_opener()
    return _pillow(file)


def _pillow(file: Path | io.BytesIO) -> Image.Image:
    """Open with Pillow, whose own limit does not know that a JPEG is decoded at a reduced size."""
    own = Image.MAX_IMAGE_PIXELS
    if own is not None and pixel_limit() > own:
        Image.MAX_IMAGE_PIXELS = pixel_limit()
    try:
        return _opened_by_pillow(file)
    except Image.DecompressionBombError as error:
        if head_of(file, 3) == b"\xff\xd8\xff":
            return JpegImagePlugin.JpegImageFile(file)
        raise DataError(
            f"more pixels than the limit of {pixel_limit() / 1e6:g} million", fix=f"shrink it, or set {LIMIT_VARIABLE}"
        ) from error


def _opened_by_pillow(file: Path | io.BytesIO) -> Image.Image:
    """Open with the common formats of Pillow; all of them are loaded only where these do not fit."""
    Image.preinit()
    loaded = [name for name in FORMATS if name in Image.OPEN]
    try:
        return Image.open(file, formats=loaded)
    except UnidentifiedImageError:
        Image.init()
        others = [name for name in FORMATS if name in Image.OPEN and name not in loaded]
        if not others:
            raise
    return Image.open(file, formats=others)


def _shrink_jpeg(picture: Image.Image, file: Path | io.BytesIO) -> None:
    """Let a JPEG over the limit be decoded at a reduced size, if that needs no memory for the whole picture.

    Its full size is in `picture.info["full_size"]`.
    """
    if not isinstance(picture, JpegImagePlugin.JpegImageFile) or not is_sequential(head_of(file, _JPEG_HEAD)):
        return
    width, height = picture.size
    if width * height <= pixel_limit():
        return
    fits = (scale for scale in _JPEG_SCALES if (width // scale + 1) * (height // scale + 1) <= pixel_limit())
    scale = next(fits, _JPEG_SCALES[-1])
    picture.draft(None, (width // scale, height // scale))
    picture.info["full_size"] = (width, height)
