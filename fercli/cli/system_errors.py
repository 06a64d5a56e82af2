"""Errors that a user can fix, as two lines: those of the package, of the operating system, of memory and of imports."""

from __future__ import annotations

import errno
from pathlib import Path

from fercli.errors import ExitCode, FerError, RefusedError
from fercli.system.names import LONG_PATHS, is_too_long
from fercli.system.packages import OPTIONAL, missing_packages

_PATH_ERRORS = {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}
_DISK_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
_FIXES = {
    **dict.fromkeys(_PATH_ERRORS, "check the path"),
    **dict.fromkeys(_DISK_ERRORS, "check its permissions and the free space there"),
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or write to another file system",
    errno.EMFILE: "raise the limit of open files, such as ulimit -n 1024",
    errno.ENFILE: "close other programs: the system has no more open files",
    errno.ENOMEM: "close other programs, raise the limit of memory (ulimit -v), or read smaller pictures",
}
_OF_PATHS = (ExitCode.REFUSED, ExitCode.DATA, ExitCode.WEIGHTS)  # whose errors may be those of a relative path
_NO_MEMORY = ("cannot allocate memory", "failed to map segment", "out of memory", "unable to allocate", "bad_alloc")


def explain(error: FerError | OSError | MemoryError | ImportError) -> FerError | None:
    """Return an error as one with a message, a fix and an exit code; None if it is a bug, whose traceback is needed."""
    if isinstance(error, FerError):
        return _no_folder() if error.exit_code in _OF_PATHS and not _has_working_folder() else error
    if isinstance(error, OSError):
        return _of_system(error) if error.errno in _FIXES else None
    if isinstance(error, MemoryError):
        return _out_of_memory(error)
    return _of_import(error)


def _of_system(error: OSError) -> FerError:
    """The file is named if the system states it."""
    if error.errno == errno.ENOENT and not _has_working_folder():
        return _no_folder()
    where = f"{error.filename}: " if error.filename is not None else ""
    too_long = isinstance(error.filename, str) and error.errno in _PATH_ERRORS and is_too_long(Path(error.filename))
    return RefusedError(f"{where}{error.strerror}", fix=LONG_PATHS if too_long else _FIXES[error.errno or 0])


def _of_import(error: ImportError) -> FerError | None:
    module, text = (error.name or "").partition(".")[0], str(error).lower()
    if isinstance(error, ModuleNotFoundError) and module in OPTIONAL:
        return missing_packages("this command", [module])
    if any(words in text for words in _NO_MEMORY):
        return _out_of_memory(error)
    if "too many open files" in text:
        return RefusedError(str(error), fix=_FIXES[errno.EMFILE])
    if ".so" in str(error):
        fix = "apt-get install -y libgl1 libglib2.0-0 (what OpenCV needs); fer doctor checks the rest"
        return RefusedError(f"a system library is missing: {error}", fix=fix)
    return None


def _out_of_memory(error: Exception) -> FerError:
    reason = f" ({error})" if str(error) else ""
    return RefusedError(f"out of memory{reason}", fix=_FIXES[errno.ENOMEM])


def _no_folder() -> FerError:
    return RefusedError("the working folder no longer exists", fix="cd into a folder that exists")


def _has_working_folder() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True
