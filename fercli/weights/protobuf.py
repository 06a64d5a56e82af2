"""Read single fields of a protobuf message, as the metadata of an ONNX file is one."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import BinaryIO

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5  # wire types


def fields(file: BinaryIO, wanted: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of the strings and messages with these numbers; all other fields are skipped unread.

    Raises: ValueError for anything that is not a whole protobuf message.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    while file.tell() < end:
        key = _varint(file)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            _varint(file)
            continue
        fixed = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
        length = _varint(file) if wire_type == _LENGTH else fixed.get(wire_type)
        if length is None or not number or file.tell() + length > end:
            raise ValueError(f"not a protobuf message: field {number} of type {wire_type} at byte {file.tell()}")
        if wire_type == _LENGTH and number in wanted:
            yield number, file.read(length)
        else:
            file.seek(length, os.SEEK_CUR)


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise ValueError("not a protobuf message: a number without an end")
