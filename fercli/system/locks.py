"""A lock between processes: a file that one of them holds, freed by the system when it ends, however that happens."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from fercli.errors import RefusedError

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # of network file systems without locks
_OFFSET = 1 << 20  # of the byte that is locked on Windows, behind the text


@contextlib.contextmanager
def hold_lock(path: Path, *, output: Path) -> Iterator[None]:
    """Hold the lock file `path` in the `with` block; it exists only as long as it is held.

    output: what is written, for the message. On file systems without locks, nothing is locked.
    Raises: RefusedError with the other process if another one holds it, or if the file cannot be created.
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
            file = path.open("a+b", buffering=0)
        except OSError as error:
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
            with contextlib.suppress(OSError):  # a full disk: the lock holds without the number
                file.truncate(0)
                file.write(str(os.getpid()).encode())
            return file
        file.close()  # its holder deleted it between our two steps


def _is_current(file: FileIO, path: Path) -> bool:
    """Whether `path` still names the open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _holder(file: FileIO) -> str:
    try:
        file.seek(0)
        number = file.read(20).decode("ascii")
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
