"""The size of a TIFF file's first picture and of its tiles, from the tags alone: what decoders allocate."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

_ORDERS = {b"II": "<", b"MM": ">"}
_WIDTH, _LENGTH, _BITS, _SAMPLES, _TILE_WIDTH, _TILE_LENGTH = 256, 257, 258, 277, 322, 323
_SIZES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # type of a tag -> struct code of its values
_MOST_TAGS = 4096


class TiffSize(NamedTuple):
    """The first picture of a TIFF. decoded_bytes: of all its pixels or of one tile, whichever takes more."""

    width: int
    height: int
    decoded_bytes: int


def tiff_size(file: Path | io.BytesIO) -> TiffSize | None:
    """Return the size of the first picture of a TIFF.

    None for a file that is not a TIFF, or whose tags cannot be read.
    """
    try:
        with _opened(file) as opened:
            tags = dict(_tags(opened))
    except (ValueError, struct.error):
        return None
    if _WIDTH not in tags or _LENGTH not in tags:
        return None
    pixel_bits = max(1, tags.get(_SAMPLES, 1)) * max(1, tags.get(_BITS, 1))
    width, height = tags[_WIDTH], tags[_LENGTH]
    pixels = max(width * height, tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_LENGTH, 0))
    return TiffSize(width, height, pixels * pixel_bits // 8)


@contextmanager
def _opened(file: Path | io.BytesIO) -> Iterator[BinaryIO]:
    if isinstance(file, io.BytesIO):
        before = file.tell()
        file.seek(0)
        try:
            yield file
        finally:
            file.seek(before)
    else:
        with file.open("rb") as opened:
            yield opened


def _tags(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield the tags of the first directory that have a number, and it; of several, the largest that stands in the tag."""
    head = file.read(16)
    order = _ORDERS.get(head[:2])
    if order is None:
        raise ValueError("not a TIFF")
    is_big = struct.unpack(order + "H", head[2:4])[0] == 43  # BigTIFF
    count_code, entry, room = ("Q", "HHQ", 8) if is_big else ("H", "HHI", 4)
    (start,) = struct.unpack(order + ("Q" if is_big else "I"), head[8:16] if is_big else head[4:8])
    file.seek(start)
    (count,) = struct.unpack(order + count_code, file.read(struct.calcsize(order + count_code)))
    for _ in range(min(count, _MOST_TAGS)):
        tag, kind, values = struct.unpack(order + entry, file.read(struct.calcsize(order + entry)))
        content = file.read(room)
        code = _SIZES.get(kind)
        if code is None:
            continue
        fitting = room // struct.calcsize(order + code)
        if 0 < values <= fitting:
            yield tag, max(struct.unpack(f"{order}{values}{code}", content[: values * struct.calcsize(order + code)]))
        elif tag == _BITS:  # one number for each sample, elsewhere in the file: all the same but in strange files
            yield tag, _largest(file, order, code, values, content)


def _largest(file: BinaryIO, order: str, code: str, values: int, content: bytes) -> int:
    position, size = file.tell(), struct.calcsize(order + code)
    (start,) = struct.unpack(order + ("Q" if len(content) == 8 else "I"), content)
    file.seek(start)
    read = file.read(min(values, _MOST_TAGS) * size)
    file.seek(position)
    return max(struct.unpack(f"{order}{len(read) // size}{code}", read[: len(read) // size * size]), default=1)
