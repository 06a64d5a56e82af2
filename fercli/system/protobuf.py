"""Read single fields of a protobuf message, as the metadata of an ONNX file is one."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import BinaryIO, NamedTuple

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5  # wire types


class Field(NamedTuple):
    """Where a field of a message is: its key begins at `start`, its content at `content`, both end at `end`."""

    number: int
    start: int
    content: int
    end: int
    has_length: bool  # strings, bytes and messages


def fields(file: BinaryIO, wanted: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of the strings and messages with these numbers; all other fields are skipped unread.

    Raises: ValueError for anything that is not a whole protobuf message.
    """
    for field in layout(file):
        if field.has_length and field.number in wanted:
            file.seek(field.content)
            yield field.number, file.read(field.end - field.content)


def layout(file: BinaryIO) -> Iterator[Field]:
    """Yield the fields of a message in their order, without reading them.

    Raises: ValueError for anything that is not a whole protobuf message.
    """
    end = file.seek(0, os.SEEK_END)
    start = 0
    while start < end:
        file.seek(start)
        key = _varint(file)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            content = file.tell()
            _varint(file)
            length: int | None = file.tell() - content
        else:
            length = _varint(file) if wire_type == _LENGTH else {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(wire_type)
            content = file.tell()
        if length is None or not number or content + length > end:
            raise ValueError(f"not a protobuf message: field {number} of type {wire_type} at byte {content}")
        yield Field(number, start, content, content + length, wire_type == _LENGTH)
        start = content + length


def string_pair(number: int, key: int, name: str, value_key: int, value: str) -> bytes:
    """Return field `number` of a message: a message with two strings, as an entry of ONNX's metadata is one."""
    entry = _string(key, name) + _string(value_key, value)
    return _varint_bytes(number << 3 | _LENGTH) + _varint_bytes(len(entry)) + entry


def _string(number: int, text: str) -> bytes:
    content = text.encode()
    return _varint_bytes(number << 3 | _LENGTH) + _varint_bytes(len(content)) + content


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


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
