"""A lock between processes: a file that one of them holds, freed by the system when it ends, however that happens."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from fercli.errors import RefusedError

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # of network file systems without locks
_LONGEST = 20  # bytes of a process number
_OFFSET = 1 << 20  # of the byte that is locked on Windows, after the text


@contextlib.contextmanager
def hold_lock(path: Path, *, output: Path) -> Iterator[None]:
    """Hold the lock file `path` in the `with` block; it exists only as long as it is held.

    output: what is written, for the message. On file systems without locks, nothing is locked.
    Raises: RefusedError with the other process if another one holds it, if the file cannot be created, or if there is
    another file, folder or link of its name, which is left as it is.
    """
    file = _acquire(path, output)
    try:
        yield
    finally:
        if sys.platform == "win32":  # an open file cannot be deleted there
            file.close()
            with contextlib.suppress(OSError):
                path.unlink()
        else:
            path.unlink(missing_ok=True)  # before it is freed: who opened it meanwhile sees that it is gone
            file.close()


def _acquire(path: Path, output: Path) -> FileIO:
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = _open(path)
        except OSError as error:
            if os.path.lexists(path):
                raise _not_a_lock(path) from error
            raise RefusedError(
                f"cannot write in {path.parent} ({error.strerror})", fix="another output name"
            ) from error
        try:
            _lock(file)
        except OSError as error:
            holder = _holder(file)
            file.close()
            raise RefusedError(
                f"another run is writing {output}{holder}", fix="wait until it ends, or choose another output"
            ) from error
        if _is_current(file, path):
            if not _is_lock(file):
                file.close()
                raise _not_a_lock(path)
            with contextlib.suppress(OSError):  # a full disk: the lock holds without the number
                file.truncate(0)
                file.write(str(os.getpid()).encode())
            return file
        file.close()  # its holder deleted it between our two steps


def _open(path: Path) -> FileIO:
    """Open or create a lock file, but nothing that a link names: its content is replaced later."""
    if sys.platform == "win32" and path.is_symlink():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe would otherwise wait for its reader
    return FileIO(os.fspath(path), "a+", opener=lambda name, mode: os.open(name, mode | flags, 0o666))


def _is_lock(file: FileIO) -> bool:
    """Whether an open file is empty or has the number of a process, and has no second name."""
    state = os.fstat(file.fileno())
    if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1 or state.st_size > _LONGEST:
        return False
    file.seek(0)
    content = file.read(_LONGEST)
    return not content or content.isdigit()


def _not_a_lock(path: Path) -> RefusedError:
    return RefusedError(f"{path} is not a lock file of fer", fix="remove it, or choose another output")


def _is_current(file: FileIO, path: Path) -> bool:
    """Whether `path` still names the open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _holder(file: FileIO) -> str:
    try:
        file.seek(0)
        number = file.read(_LONGEST).decode("ascii")
    except (OSError, UnicodeDecodeError):
        return ""
    return f" (process {number})" if number.isdigit() else ""


if sys.platform == "win32":
    import msvcrt

    def _lock(file: FileIO) -> None:
        file.seek(_OFFSET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: FileIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
