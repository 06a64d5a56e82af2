"""Write a file under a temporary name beside its own and rename it when it is complete."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from fercli.errors import DataError, RefusedError


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """RefusedError if `path` is there and may not be replaced."""
    if path.is_dir():
        raise RefusedError(f"{path} is a folder, a file was to be written there", fix="give a file name")
    if path.exists() and not overwrite:
        raise RefusedError(f"{path} is already there", fix="--overwrite, or another output name")


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
