"""Read TIFF files of any sample type: integers with and without a sign, and floats, of 8 to 64 bits; classic and BigTIFF.

Numbers of tags, and the meaning of their values, are those of TIFF 6.0 and Adobe's Technical Note 3 (floats).
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from fercli.errors import DataError
from fercli.media.picture_files import check_size

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _ORIENTATION, _SAMPLES, _STRIP_ROWS, _STRIP_BYTES = 273, 274, 277, 278, 279
_PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 284, 317, 322, 323, 324, 325
_MAXIMUM, _EXTRA, _FORMAT = 281, 338, 339
_PLAIN, _DEFLATE = 1, (8, 32946)
_LOSSLESS = (_PLAIN, *_DEFLATE, 5, 32773, 34925, 50000)  # and LZW, PackBits, LZMA, Zstandard
_MOST_BLOCKS, _MOST_BLOCKS_OF_PILLOW = 1_000_000, 20_000  # strips or tiles that are decoded in about ten seconds
_MOST_BYTES_OF_PILLOW = 128_000_000  # of a strip or tile
_LETTERS = {1: "u", 2: "i", 3: "f", 4: "u"}  # of numpy, by the sample format; 4 is undefined
_PACKED = (10, 12, 14)  # bits of samples that are stored without the bits that are not used
_PAGES = 1000  # that are counted

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
ASSOCIATED, UNASSOCIATED = 1, 2  # opacity that colours are multiplied with, or are not


def is_tiff(head: bytes) -> bool:
    """Whether a file begins like a TIFF. head: its first 4 bytes."""
    return head in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def directory_position(head: bytes) -> int:
    """Return the position of the first directory of a TIFF. head: its first 16 bytes."""
    number = head[8:16] if b"+" in head[2:4] else head[4:8]
    return int.from_bytes(number, "little" if head[:1] == b"I" else "big")


@dataclass(frozen=True)
class Layout:
    """How the first picture of a TIFF is stored."""

    content: bytes
    tags: Any  # by number
    order: str  # of numpy: < or >
    pages: int

    def _numbers(self, tag: int, default: int) -> tuple[int, ...]:
        value = self.tags.get(tag, default)
        return tuple(int(one) for one in value) if isinstance(value, tuple) else (int(value),)

    def number(self, tag: int, default: int = 0) -> int:
        """Return the first value of a tag."""
        return self._numbers(tag, default)[0]

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.number(_WIDTH), self.number(_HEIGHT)

    @property
    def orientation(self) -> int:
        return self.number(_ORIENTATION, 1)

    @property
    def photometric(self) -> int:
        return self.number(_PHOTOMETRIC, -1)

    @property
    def samples(self) -> int:
        """Number of samples of a pixel."""
        return self.number(_SAMPLES, 1)

    @property
    def extra(self) -> tuple[int, ...] | None:
        """Kinds of the samples after the colours; None if they are not stated."""
        return self._numbers(_EXTRA, 0) if _EXTRA in self.tags else None

    @property
    def maximum(self) -> int | None:
        """Largest value of a sample, if stated."""
        return self.number(_MAXIMUM) if _MAXIMUM in self.tags else None

    @property
    def is_plain(self) -> bool:
        """Whether all samples are bytes without a sign, or less: what any program reads."""
        return max(self._numbers(_BITS, 1)) <= 8 and self.number(_FORMAT, 1) in (1, 4)

    @cached_property
    def bits(self) -> int:
        """Bits of a sample, 0 if they differ."""
        bits = set(self._numbers(_BITS, 1))
        return bits.pop() if len(bits) == 1 else 0

    @cached_property
    def dtype(self) -> np.dtype[Any] | None:
        """Type of the samples, of packed ones after unpacking; None for other types."""
        kinds = set(self._numbers(_FORMAT, 1))
        letter = _LETTERS.get(kinds.pop()) if len(kinds) == 1 else None
        if letter == "u" and self.bits in _PACKED:
            return np.dtype(np.uint16)
        if letter is None or self.bits not in ((16, 32, 64) if letter == "f" else (8, 16, 32, 64)):
            return None
        return np.dtype(f"{self.order}{letter}{self.bits // 8}")

    @property
    def decoded_bytes(self) -> int:
        """Bytes of all samples of the picture."""
        width, height = self.size_wh
        return width * height * self.samples * (self.dtype.itemsize if self.dtype else 1)

    def values(self) -> NDArray[np.generic] | None:
        """Return the samples [H, W, samples]; None for what is not stored without loss, or in another way.

        Raises: OSError or an error of Pillow for missing and broken pixels.
        """
        dtype, (width, height) = self.dtype, self.size_wh
        compression, blocks = self.number(_COMPRESSION, 1), self._blocks()
        most = _MOST_BLOCKS if compression in (_PLAIN, *_DEFLATE) else _MOST_BLOCKS_OF_PILLOW
        if dtype is None or compression not in _LOSSLESS or self.number(_FILL_ORDER, 1) != 1 or blocks.in_plane > most:
            return None
        check_size(width, height)
        values = np.empty((height, width, self.samples), dtype.newbyteorder("="))
        for plane in range(self.samples if blocks.separate else 1):
            samples = slice(plane, plane + 1) if blocks.separate else slice(None)
            for number in range(blocks.in_plane):
                top, left = number // blocks.across * blocks.height, number % blocks.across * blocks.width
                target = values[top : top + blocks.height, left : left + blocks.width, samples]
                target[:] = self._block(blocks, plane * blocks.in_plane + number, dtype)[
                    : len(target), : target.shape[1]
                ]
        return values

    def _blocks(self) -> _Blocks:
        width, height = self.size_wh
        separate = self.number(_PLANAR, 1) == 2
        if _TILES in self.tags:
            size = self.number(_TILE_WIDTH), self.number(_TILE_HEIGHT)
            tags = _TILES, _TILE_BYTES
        else:
            size = width, min(self.number(_STRIP_ROWS, height), height)
            tags = _STRIPS, _STRIP_BYTES
        across, down = -(-width // size[0]), -(-height // size[1])
        offsets, counts = self._numbers(tags[0], 0), self._numbers(tags[1], len(self.content))
        needed = across * down * (self.samples if separate else 1)
        if min(len(offsets), len(counts)) < needed:
            raise OSError("image file is truncated")
        return _Blocks(*size, across, across * down, separate, offsets, counts)

    def _block(self, blocks: _Blocks, number: int, dtype: np.dtype[Any]) -> NDArray[np.generic]:
        """Samples [H, W, samples] of a strip or tile; the last strip may be shorter."""
        samples = 1 if blocks.separate else self.samples
        row_bytes = -(-blocks.width * samples * self.bits // 8)
        top = number % blocks.in_plane // blocks.across * blocks.height
        rows = blocks.height if _TILES in self.tags else min(blocks.height, self.number(_HEIGHT) - top)
        raw = self._decompressed(blocks.offsets[number], blocks.counts[number], rows, row_bytes)
        if self.bits in _PACKED:
            return _unpacked(raw, self.bits, blocks.width * samples).reshape(rows, blocks.width, samples)
        return _unpredicted(raw, self.number(_PREDICTOR, 1), samples, dtype)

    def _decompressed(self, offset: int, count: int, rows: int, row_bytes: int) -> NDArray[np.uint8]:
        """Bytes [rows, row_bytes] of a block."""
        compression, size = self.number(_COMPRESSION, 1), rows * row_bytes
        stored = memoryview(self.content)[offset : offset + count]
        if compression == _PLAIN or compression in _DEFLATE:
            raw = stored[:size] if compression == _PLAIN else zlib.decompressobj().decompress(stored, size)
            if len(raw) < size:
                raise OSError("image file is truncated")
            return np.frombuffer(raw, np.uint8).reshape(rows, row_bytes)
        if len(stored) < count:
            raise OSError("image file is truncated")
        if size > _MOST_BYTES_OF_PILLOW:
            raise DataError(f"one of its strips has {size / 1e6:,.0f} MB", fix="save it with smaller strips, or as PNG")
        with TiffImagePlugin.TiffImageFile(
            io.BytesIO(_one_strip(stored, self.order, compression, rows, row_bytes))
        ) as grey:
            return np.asarray(grey)


class _Blocks(NamedTuple):
    """The strips or tiles of a picture. in_plane: their number in one plane. separate: every sample has a plane of its own."""

    width: int
    height: int
    across: int
    in_plane: int
    separate: bool
    offsets: tuple[int, ...]
    counts: tuple[int, ...]


def layout_of(content: bytes) -> Layout:
    """Read the directory of a TIFF. Raises: OSError or an error of Pillow if it is broken."""
    is_big = content[2:4] in (b"+\0", b"\0+")
    directory = TiffImagePlugin.ImageFileDirectory_v2(content[: 16 if is_big else 8])
    file, order = io.BytesIO(content), "<" if content[:1] == b"I" else ">"
    file.seek(directory.next)
    positions = [directory.next]
    directory.load(file)
    while (position := _next(content, positions[-1], order, is_big)) not in (0, *positions) and len(positions) < _PAGES:
        positions.append(position)
    return Layout(content, directory, order, len(positions))


def _next(content: bytes, position: int, order: str, is_big: bool) -> int:
    """Position of the directory after this one; 0 if there is none."""
    count_code, entry, next_code = ("Q", 20, "Q") if is_big else ("H", 12, "I")
    size = struct.calcsize(order + count_code)
    (count,) = struct.unpack(order + count_code, content[position : position + size])
    end = position + size + count * entry
    field = content[end : end + struct.calcsize(order + next_code)]
    return int(struct.unpack(order + next_code, field)[0]) if len(field) == struct.calcsize(order + next_code) else 0


def _one_strip(data: memoryview, order: str, compression: int, rows: int, row_bytes: int) -> bytes:
    """Return a classic TIFF of bytes in grey, which Pillow decompresses."""
    fields = {
        **{_WIDTH: row_bytes, _HEIGHT: rows, _BITS: 8, _COMPRESSION: compression, _PHOTOMETRIC: BLACK_IS_ZERO},
        **{_STRIPS: 8, _SAMPLES: 1, _STRIP_ROWS: rows, _STRIP_BYTES: len(data)},
    }
    start = 8 + len(data) + len(data) % 2
    entries = [struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in sorted(fields.items())]
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    directory = struct.pack(f"{order}H", len(fields)) + b"".join(entries) + struct.pack(f"{order}I", 0)
    return b"".join((header, data, b"\0" * (len(data) % 2), directory))


def _unpacked(block: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.uint16]:
    """Return [H, count] integers of `bits` bits, the highest first, of rows of bytes."""
    ones = np.unpackbits(block, axis=1)[:, : count * bits].reshape(len(block), count, bits)
    return (ones * (1 << np.arange(bits - 1, -1, -1)).astype(np.uint16)).sum(axis=-1, dtype=np.uint16)


def _unpredicted(block: NDArray[np.uint8], predictor: int, samples: int, dtype: np.dtype[Any]) -> NDArray[np.generic]:
    """Return samples [H, W, samples] of the bytes of a block, with its differences summed up."""
    height = len(block)
    if predictor == 3:  # differences of bytes; all first (highest) bytes of a row, then all second ones
        summed = np.cumsum(block.reshape(height, -1, samples), axis=1, dtype=np.uint8)
        planes = summed.reshape(height, dtype.itemsize, -1).transpose(0, 2, 1)
        return np.ascontiguousarray(planes).view(dtype.newbyteorder(">")).reshape(height, -1, samples)
    values = block.view(dtype).reshape(height, -1, samples)
    if predictor == 2:
        whole = np.dtype(f"{dtype.byteorder}u{dtype.itemsize}")
        return np.cumsum(values.view(whole), axis=1, dtype=whole.newbyteorder("=")).view(dtype.newbyteorder("="))
    if predictor != 1:
        raise OSError(f"predictor {predictor} is unknown")
    return values
