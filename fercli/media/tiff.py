"""Read TIFF files of any sample type: integers with and without a sign, and floats, of 8 to 64 bits; classic and BigTIFF.

Numbers of tags, and the meaning of their values, are those of TIFF 6.0 and Adobe's Technical Note 3 (floats).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from fercli.media.picture_files import check_size

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _ORIENTATION, _SAMPLES, _STRIP_ROWS, _STRIP_BYTES = 273, 274, 277, 278, 279
_PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 284, 317, 322, 323, 324, 325
_MAXIMUM, _EXTRA, _FORMAT = 281, 338, 339
_LOSSLESS = (1, 5, 8, 32773, 32946, 34925, 50000)  # none, LZW, deflate, PackBits, deflate, LZMA, Zstandard
_LETTERS = {1: "u", 2: "i", 3: "f", 4: "u"}  # of numpy, by the sample format; 4 is undefined
_PACKED = (10, 12, 14)  # bits of samples that are stored without the bits that are not used
_PAGES = 1000  # that are counted

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
ASSOCIATED, UNASSOCIATED = 1, 2  # opacity that colours are multiplied with, or are not


def is_tiff(head: bytes) -> bool:
    """Whether a file begins like a TIFF. head: its first 4 bytes."""
    return head in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


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
        """The first value of a tag."""
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
        """Kinds of the samples behind the colours; None if they are not stated."""
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

    def values(self) -> NDArray[np.generic] | None:
        """Return the samples [H, W, samples]; None for what is not stored without loss, or in another way.

        Raises: OSError or an error of Pillow for missing and broken pixels.
        """
        dtype, (width, height) = self.dtype, self.size_wh
        if dtype is None or self.number(_COMPRESSION, 1) not in _LOSSLESS or self.number(_FILL_ORDER, 1) != 1:
            return None
        check_size(width, height)
        separate = self.number(_PLANAR, 1) == 2
        in_block = 1 if separate else self.samples
        values = np.empty((height, width, self.samples), dtype.newbyteorder("="))
        for plane in range(self.samples if separate else 1):
            stored = self._plane(plane, in_block, dtype)
            values[..., slice(plane, plane + 1) if separate else slice(None)] = stored
        return values

    def _plane(self, plane: int, samples: int, dtype: np.dtype[Any]) -> NDArray[np.generic]:
        """Samples [H, W, samples] of all planes that are stored together."""
        width, height = self.size_wh
        tiled = _TILES in self.tags
        block_width = self.number(_TILE_WIDTH) if tiled else width
        across = -(-width // block_width)
        row_bytes = -(-block_width * samples * self.bits // 8)
        raw = self._bytes(plane, tiled, row_bytes * across)
        predictor = self.number(_PREDICTOR, 1)
        rows = np.empty((height, across * block_width, samples), dtype)
        for column in range(across):
            block = np.ascontiguousarray(raw[:, column * row_bytes : (column + 1) * row_bytes])
            target = rows[:, column * block_width : (column + 1) * block_width]
            if self.bits in _PACKED:
                target[:] = _unpacked(block, self.bits, block_width * samples).reshape(target.shape)
            else:
                target[:] = _unpredicted(block, predictor, samples, dtype)
        return rows[:, :width]

    def _bytes(self, plane: int, tiled: bool, width: int) -> NDArray[np.uint8]:
        """Decompressed bytes [H, width]: Pillow reads them as a grey picture."""
        height = self.number(_HEIGHT)
        block_rows = self.number(_TILE_HEIGHT) if tiled else min(self.number(_STRIP_ROWS, height), height)
        across = -(-self.number(_WIDTH) // self.number(_TILE_WIDTH)) if tiled else 1
        blocks = across * -(-height // block_rows)
        chosen = slice(plane * blocks, (plane + 1) * blocks)
        offsets = self._numbers(_TILES if tiled else _STRIPS, 0)[chosen]
        counts = self._numbers(_TILE_BYTES if tiled else _STRIP_BYTES, len(self.content))[chosen]
        if any(offset + count > len(self.content) for offset, count in zip(offsets, counts, strict=True)):
            raise OSError("image file is truncated")
        fields: dict[int, tuple[int, ...]] = {
            **{_WIDTH: (width,), _HEIGHT: (height,), _BITS: (8,), _PHOTOMETRIC: (BLACK_IS_ZERO,), _SAMPLES: (1,)},
            _COMPRESSION: (self.number(_COMPRESSION, 1),),
        }
        if tiled:
            fields |= {_TILE_WIDTH: (width // across,), _TILE_HEIGHT: (block_rows,)}
            fields |= {_TILES: offsets, _TILE_BYTES: counts}
        else:
            fields |= {_STRIP_ROWS: (block_rows,), _STRIPS: offsets, _STRIP_BYTES: counts}
        with TiffImagePlugin.TiffImageFile(io.BytesIO(_with_directory(self.content, self.order, fields))) as picture:
            return np.asarray(picture)


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
    """Position of the directory behind one; 0 if there is none."""
    count_code, entry, next_code = ("Q", 20, "Q") if is_big else ("H", 12, "I")
    size = struct.calcsize(order + count_code)
    (count,) = struct.unpack(order + count_code, content[position : position + size])
    end = position + size + count * entry
    behind = content[end : end + struct.calcsize(order + next_code)]
    return int(struct.unpack(order + next_code, behind)[0]) if len(behind) == struct.calcsize(order + next_code) else 0


def _with_directory(content: bytes, order: str, fields: dict[int, tuple[int, ...]]) -> bytes:
    """Return a classic TIFF with the same data behind its header, and with these tags only."""
    start = len(content) + len(content) % 2
    arrays = b""
    behind = start + 2 + 12 * len(fields) + 4
    entries = b""
    for tag, values in sorted(fields.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) == 1:
            entries += struct.pack(f"{order}HHI", tag, 4, 1) + packed
        else:
            entries += struct.pack(f"{order}HHII", tag, 4, len(values), behind + len(arrays))
            arrays += packed
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    directory = struct.pack(f"{order}H", len(fields)) + entries + struct.pack(f"{order}I", 0)
    return b"".join((header, content[len(header) :], b"\0" * (start - len(content)), directory, arrays))


def _unpacked(block: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.uint16]:
    """Return [H, count] integers of so many bits, the highest first, of rows of bytes."""
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
