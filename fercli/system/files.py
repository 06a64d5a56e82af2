"""Write files and folders atomically: under a temporary name in the same folder, renamed when complete."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from fercli.errors import RefusedError
from fercli.system.locks import hold_lock
from fercli.system.names import clash_key

WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NAME_BYTES = 255  # of a file name on Linux, macOS and Windows file systems


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise RefusedError if `path` exists and must not be replaced."""
    if path.is_dir():
        raise RefusedError(f"{path} is a folder, but the output is a file", fix="give a file name")
    if path.exists() and not overwrite:
        raise RefusedError(f"{path} already exists", fix="--overwrite, or another output name")


def free_name(path: Path, taken: Collection[str]) -> Path:
    """Return `path`, or if that is taken the first of path-2, path-3, ... that is free.

    taken: the `clash_key` of every path that cannot be used.
    """
    candidate, number = fitting_name(path), 2
    while clash_key(candidate) in taken:
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
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; it is renamed to `path` on success and removed on failure.

    durable: write it to the disk before it is renamed, so that `path` is complete after a power failure too.
    Creates missing folders. Raises: RefusedError if the folder cannot be created; errors of a full disk name `path`.
    """
    ending = f".{secrets.token_hex(4)}.part{path.suffix}"
    temporary = path.with_name(_cut(f".{path.stem}", ending) + ending)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(
            f"cannot create the folder {path.parent} ({error.strerror})", fix="another output name"
        ) from error
    try:
        with write_errors_name(path, temporary):
            yield temporary
            if durable:
                sync(temporary)
            temporary.replace(path)
            if durable:
                sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def write_errors_name(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Let errors of a full disk, or of the limit of file sizes, name the output: the system names no file, or `temporary`."""
    try:
        yield
    except OSError as error:
        unnamed = error.filename is None and error.errno in WRITE_ERRORS
        if unnamed or (temporary is not None and error.filename in (temporary, str(temporary))):
            error.filename = str(path)
        raise


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk; where the system cannot do that, do nothing."""
    flags = os.O_RDONLY if os.name == "posix" else os.O_RDWR
    with contextlib.suppress(PermissionError, IsADirectoryError):
        number = os.open(path, flags)
        try:
            os.fsync(number)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # such as a folder on a network drive
                raise
        finally:
            os.close(number)


@contextlib.contextmanager
def writing_alone(path: Path) -> Iterator[None]:
    """Be the only process that writes `path` in the `with` block, and remove what killed ones left of it.

    Raises: RefusedError if another process writes it.
    """
    path = path.absolute()
    with hold_lock(path.with_name(_cut(f".{path.name}", ".lock") + ".lock"), output=path):
        for left_over in path.parent.glob(".*.part*"):
            if _is_left_over(left_over.name, path):
                _remove(left_over)
        yield


def _remove(path: Path) -> None:
    """Remove a file, a folder or a link, but not what a link names."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_left_over(name: str, path: Path) -> bool:
    """Whether a file or folder name is that of an incomplete `path`."""
    file, folder = (
        rf"{re.escape(_cut(f'.{start}', 'x' * (14 + len(end))))}\.[0-9a-f]{{8}}\.part{re.escape(end)}"
        for start, end in ((path.stem, path.suffix), (path.name, ""))
    )
    return re.fullmatch(f"{file}|{folder}", name, re.DOTALL) is not None


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

    Creates missing parents. Raises: RefusedError if the folder cannot be created, or if another process writes it.
    """
    path = path.resolve()
    with writing_alone(path), _replacing_folder(path) as temporary:
        yield temporary


@contextlib.contextmanager
def _replacing_folder(path: Path) -> Iterator[Path]:
    code = secrets.token_hex(4)
    temporary, old = (path.with_name(_cut(f".{path.name}", end) + end) for end in (f".{code}.part", f".{code}.old"))
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise RefusedError(
            f"cannot create the folder {path} ({error.strerror})", fix="another output folder"
        ) from error
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                sync(file)
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    finally:
        if old.exists() and not path.exists():  # interrupted between the two renames
            old.rename(path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
