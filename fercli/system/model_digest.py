"""The digest in a model's file: SHA-256 of tensors, graph and card, so that damaged files are noticed when they are loaded.

It detects accidents, not intent: whoever changes a file on purpose can write a new digest.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Literal

from fercli.errors import WeightsError
from fercli.system.json_text import parse_json
from fercli.system.protobuf import Field, fields, layout, string_pair

DIGEST = "digest"  # key in the metadata of both formats
DigestState = Literal["verified", "none"]

_ONNX_COVERED = ("card", "interface", "precision")  # keys of the metadata that the outputs depend on
_SAFETENSORS_COVERED = ("card", "part", "provenance")
_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2  # field numbers of ModelProto and of StringStringEntryProto
_LARGEST_HEADER = 100_000_000  # bytes; the limit of safetensors
_PIECE = 1 << 20
_PREFIX = "sha256:"


def check_digest(path: Path) -> DigestState:
    """Compare a .onnx or .safetensors file with the digest inside it; `none` for a file without one.

    A file that is broken in another way counts as one without: opening it reports what is wrong.
    Raises: WeightsError if the digest does not match.
    """
    try:
        with path.open("rb") as file:
            stated, computed = _onnx(file) if path.suffix == ".onnx" else _safetensors(file)
    except (OSError, ValueError, RecursionError):
        return "none"
    if stated is None:
        return "none"
    if stated != computed:
        raise WeightsError(
            f"{path} is damaged, or was changed after it was written: its content does not match its digest",
            fix="get or write it again; after a change on purpose, remove `digest` from its metadata",
        )
    return "verified"


def add_onnx_digest(path: Path) -> None:
    """Append the digest to the metadata of an ONNX file that has none; ValueError for any other file."""
    with path.open("r+b") as file:
        stated, computed = _onnx(file)
        if stated is not None:
            raise ValueError(f"{path} has a digest")
        file.seek(0, os.SEEK_END)
        file.write(string_pair(_METADATA_PROPS, _KEY, DIGEST, _VALUE, computed))


def reserved_digest() -> dict[str, str]:
    """Return an entry of a safetensors file's metadata that `fill_safetensors_digest` replaces."""
    return {DIGEST: _PREFIX + "0" * 64}


def fill_safetensors_digest(path: Path) -> None:
    """Write the digest of a safetensors file in the place that `reserved_digest` kept for it, and sort its metadata."""
    with path.open("r+b") as file:
        header, size = _header(file)
        _, computed = _safetensors(file)
        metadata = dict(sorted({**header["__metadata__"], DIGEST: computed}.items()))
        text = json.dumps({**header, "__metadata__": metadata}, ensure_ascii=False, separators=(",", ":")).encode()
        if len(text) > size:
            raise ValueError(f"{path}: no room for the digest")
        file.seek(8)
        file.write(text.ljust(size))


def _onnx(file: BinaryIO) -> tuple[str | None, str]:
    """Stated and computed digest: of every field of the message but the metadata, and of the covered entries of these."""
    digest = hashlib.sha256(b"onnx\n")
    places: list[Field] = []
    for field in layout(file):
        if field.number == _METADATA_PROPS:
            places.append(field)
        else:
            _add_bytes(digest, file, field.start, field.end)
    stated = None
    for name, value in _entries(file, places):
        if name == DIGEST.encode():
            stated = value.decode()
        elif name.decode() in _ONNX_COVERED:
            digest.update(name + b"\0" + value + b"\0")
    return stated, _PREFIX + digest.hexdigest()


def _entries(file: BinaryIO, places: list[Field]) -> Iterator[tuple[bytes, bytes]]:
    for place in places:
        file.seek(place.content)
        entry = dict(fields(BytesIO(file.read(place.end - place.content)), (_KEY, _VALUE)))
        yield entry.get(_KEY, b""), entry.get(_VALUE, b"")


def _safetensors(file: BinaryIO) -> tuple[str | None, str]:
    """Stated and computed digest: of names, types, shapes and content of all tensors, and of the covered metadata."""
    header, size = _header(file)
    metadata = header.pop("__metadata__", {})
    digest = hashlib.sha256(b"safetensors\n")
    digest.update(json.dumps(header, sort_keys=True).encode())
    for name in _SAFETENSORS_COVERED:
        if name in metadata:
            digest.update(f"\n{name}\0{metadata[name]}\0".encode())
    _add_bytes(digest, file, 8 + size, file.seek(0, os.SEEK_END))
    return metadata.get(DIGEST), _PREFIX + digest.hexdigest()


def _header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file, and its size in bytes. Raises: ValueError."""
    file.seek(0)
    size = int.from_bytes(file.read(8), "little")
    if size > _LARGEST_HEADER:
        raise ValueError("not a safetensors file")
    header = parse_json(file.read(size))
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        raise ValueError("not a safetensors file")
    return header, size


def _add_bytes(digest: Any, file: BinaryIO, start: int, end: int) -> None:
    file.seek(start)
    while start < end:
        piece = file.read(min(_PIECE, end - start))
        if not piece:
            raise ValueError("the file is truncated")
        digest.update(piece)
        start += len(piece)
