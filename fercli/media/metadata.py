"""Take broken metadata out of the bytes of a picture, so that its pixels can be read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from fercli.media.jpeg import SCAN, segments

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PNG_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT")
_WEBP_PIXELS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF")
_WEBP_METADATA = 0x20 | 0x08 | 0x04  # flags of VP8X: colour profile, EXIF, XMP
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
_ADOBE = 12  # bytes of a segment of JPEG that states the colours


def may_have_metadata(head: bytes) -> bool:
    """Whether `without_metadata` knows the format. head: the first 12 bytes of a file."""
    is_heif = head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS
    return is_heif or head.startswith((_PNG, _JPEG)) or (head[:4], head[8:12]) == (b"RIFF", b"WEBP")


def without_metadata(content: bytes) -> bytes | None:
    """Return a JPEG, PNG, WebP, HEIC or AVIF file without what does not concern its pixels; None for any other file.

    A PNG keeps EXIF data whose checksum is right. The orientation of HEIC and AVIF is not in their EXIF data.
    """
    if content.startswith(_JPEG):
        return content[:2] + b"".join(_jpeg_pixels(content))
    if content.startswith(_PNG):
        return _PNG + b"".join(_png_pixels(content))
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        chunks = b"".join(_webp_pixels(content))
        return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks
    if content[4:8] == b"ftyp":
        return content.replace(b"Exif", b"free", 1)  # the type of the item, which readers then skip
    return None


def _jpeg_pixels(content: bytes) -> Iterator[bytes]:
    end = 2
    for segment in segments(content):
        if segment.marker == SCAN:
            break
        end = segment.end
        is_application = 0xE0 <= segment.marker <= 0xEF or segment.marker == 0xFE
        if not is_application or (segment.marker == 0xEE and len(segment.payload) >= _ADOBE):
            yield content[segment.start : end]
    yield content[end:]


def _png_pixels(content: bytes) -> Iterator[bytes]:
    position = len(_PNG)
    while position + 12 <= len(content):
        size, kind = int.from_bytes(content[position : position + 4], "big"), content[position + 4 : position + 8]
        chunk = content[position : position + 12 + size]
        whole_exif = kind == b"eXIf" and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
        if kind in _PNG_PIXELS or whole_exif:
            yield chunk
        position += 12 + size


def _webp_pixels(content: bytes) -> Iterator[bytes]:
    position = 12
    while position + 8 <= len(content):
        kind, size = content[position : position + 4], int.from_bytes(content[position + 4 : position + 8], "little")
        chunk = content[position : position + 8 + size + size % 2]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_METADATA]) + chunk[9:]
        if kind in _WEBP_PIXELS:
            yield chunk
        position += 8 + size + size % 2
