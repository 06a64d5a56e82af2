"""Write a file or a folder under a temporary name beside its own and rename it when it is complete."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from fercli.errors import DataError, RefusedError


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """RefusedError if `path` is there and may not be replaced."""
    if path.is_dir():
        raise RefusedError(f"{path} is a folder, a file was to be written there", fix="give a file name")
    if path.exists() and not overwrite:
        raise RefusedError(f"{path} is already there", fix="--overwrite, or another output name")


def free_name(path: Path, taken: Collection[Path]) -> Path:
    """`path`, or where it is taken the first of path-2, path-3, ... that is not."""
    free, number = path, 2
    while free in taken:
        free, number = path.with_stem(f"{path.stem}-{number}"), number + 1
    return free


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name in `path`'s folder; on success it becomes `path`, on any failure it is removed.

    Makes missing folders. Raises: DataError where the folder cannot be written.
    """
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot make the folder {path.parent} ({error.strerror})", fix="another output name"
        ) from error
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_existing_folder(path: Path, *, overwrite: bool, mark: str) -> None:
    """RefusedError if `path` is there and may not be replaced; a folder that is not empty must hold the file `mark`."""
    if not path.exists():
        return
    if not overwrite:
        raise RefusedError(f"{path} is already there", fix="--overwrite, or another output folder")
    if not path.is_dir() or (any(path.iterdir()) and not (path / mark).is_file()):
        raise RefusedError(f"{path} holds no {mark}, so it is not replaced", fix="another output folder")


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; on success it takes its place, on any failure it is removed.

    Makes missing parents. Raises: DataError where the folder cannot be made.
    """
    path = path.resolve()
    code = secrets.token_hex(4)
    temporary, old = path.with_name(f".{path.name}.{code}.part"), path.with_name(f".{path.name}.{code}.old")
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise DataError(f"cannot make the folder {path} ({error.strerror})", fix="another output folder") from error
    try:
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    finally:
        if old.exists() and not path.exists():  # stopped between the two renames
            old.rename(path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
