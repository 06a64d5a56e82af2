"""Write files and folders atomically: under a temporary name in the same folder, renamed when complete."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from fercli.errors import DataError, RefusedError

_NAME_BYTES = 255  # of a file name on Linux, macOS and Windows file systems


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise RefusedError if `path` exists and must not be replaced."""
    if path.is_dir():
        raise RefusedError(f"{path} is a folder, but the output is a file", fix="give a file name")
    if path.exists() and not overwrite:
        raise RefusedError(f"{path} already exists", fix="--overwrite, or another output name")


def free_name(path: Path, taken: Collection[Path]) -> Path:
    """Return `path`, or if that is taken the first of path-2, path-3, ... that is free."""
    candidate, number = fitting_name(path), 2
    while candidate in taken:
        candidate, number = fitting_name(path.with_stem(f"{path.stem}-{number}")), number + 1
    return candidate


def fitting_name(path: Path) -> Path:
    """Return `path`, with a shorter stem that ends in a hash if its name is longer than file systems allow."""
    if len(os.fsencode(path.name)) <= _NAME_BYTES:
        return path
    code = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]
    return path.with_name(_cut(path.stem, f"-{code}{path.suffix}") + f"-{code}{path.suffix}")


def _cut(stem: str, rest: str) -> str:
    """Remove characters from the end until `stem` and `rest` are a valid name."""
    while stem and len(os.fsencode(stem + rest)) > _NAME_BYTES:
        stem = stem[:-1]
    return stem


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; it is renamed to `path` on success and removed on failure.

    Creates missing folders. Raises: DataError if the folder cannot be created.
    """
    ending = f".{secrets.token_hex(4)}.part{path.suffix}"
    temporary = path.with_name(_cut(f".{path.stem}", ending) + ending)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot create the folder {path.parent} ({error.strerror})", fix="another output name"
        ) from error
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_existing_folder(path: Path, *, overwrite: bool, mark: str) -> None:
    """Raise RefusedError if `path` exists and must not be replaced; a folder with content must contain the file `mark`."""
    if not path.exists():
        return
    if not overwrite:
        raise RefusedError(f"{path} already exists", fix="--overwrite, or another output folder")
    if not path.is_dir() or (any(path.iterdir()) and not (path / mark).is_file()):
        raise RefusedError(f"{path} contains no {mark}, so it is not replaced", fix="another output folder")


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it replaces `path` on success and is removed on failure.

    Creates missing parents. Raises: DataError if the folder cannot be created.
    """
    path = path.resolve()
    code = secrets.token_hex(4)
    temporary, old = (path.with_name(_cut(f".{path.name}", end) + end) for end in (f".{code}.part", f".{code}.old"))
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise DataError(f"cannot create the folder {path} ({error.strerror})", fix="another output folder") from error
    try:
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    finally:
        if old.exists() and not path.exists():  # interrupted between the two renames
            old.rename(path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
