"""The `fer` command: registers the commands and turns user errors into two lines and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from fercli import __version__
from fercli.cli import signals
from fercli.cli.commands import Fer, group
from fercli.cli.console import STDOUT, say
from fercli.errors import ExitCode, FerError
from fercli.formatting import printable
from fercli.system.devices import disable_telemetry, limit_threads, process_rank
from fercli.system.files import write_errors_name
from fercli.system.names import LONG_PATHS, is_too_long
from fercli.system.packages import OPTIONAL, missing_packages

# Errors of the operating system that a user can fix: they end in two lines, not in a traceback.
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
_NO_FOLDER = ("the working folder no longer exists", "cd into a folder that exists")
_OF_PATHS = (ExitCode.REFUSED, ExitCode.DATA, ExitCode.WEIGHTS)  # whose errors may be those of a relative path
_NO_MEMORY = ("cannot allocate memory", "failed to map segment", "out of memory", "unable to allocate", "bad_alloc")


@dataclass
class GlobalOptions:
    """Values of the options that precede the command, and the whole command line."""

    debug: bool = False
    arguments: tuple[str, ...] = ()


app = group("fer", Fer)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"fer {__version__}")
        raise typer.Exit


@app.callback()
def fer(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - the callback prints it
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="FER_DEBUG", help="Print the traceback of an error as well.")
    ] = False,
) -> None:
    """Facial expression recognition with the Batch Transformer Network: predict, align, train, evaluate, export.

    Example:

      fer predict photo.jpg
    """
    context.obj.debug = debug


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; user errors go to stderr as `error: ...` and `fix: ...`."""
    try:
        return _main(arguments)
    except Exception as error:
        if not _was_interrupted(error):
            raise
        say("interrupted")
        return ExitCode.INTERRUPTED


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C caused an error: libraries that are loading turn it into one of their own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _main(arguments: Sequence[str]) -> int:
    limit_threads()
    session = GlobalOptions(arguments=tuple(arguments))
    command = typer.main.get_command(app)
    try:
        code = command.main(list(arguments), prog_name="fer", standalone_mode=False, obj=session) or ExitCode.DONE
        with write_errors_name(STDOUT):
            sys.stdout.flush()
    except FerError as error:
        is_gone = error.exit_code in _OF_PATHS and not _has_working_folder()
        _print_error(*(_NO_FOLDER if is_gone else (error.message, error.fix)), debug=session.debug)
        return ExitCode.REFUSED if is_gone else error.exit_code
    except TyperException as error:
        _print_usage_error(error)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()  # its reader is gone
        return ExitCode.REFUSED
    except OSError as error:
        if error.errno not in _FIXES:
            raise
        if error.filename == str(STDOUT):
            _discard_stdout()
        _print_error(*_system_error(error), debug=session.debug)
        return ExitCode.REFUSED
    except MemoryError as error:
        _print_error(
            f"out of memory ({error})" if str(error) else "out of memory", _FIXES[errno.ENOMEM], debug=session.debug
        )
        return ExitCode.REFUSED
    except ImportError as error:
        module = (error.name or "").partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and module in OPTIONAL:
            missing = missing_packages("this command", [module])
            _print_error(missing.message, missing.fix, debug=session.debug)
            return missing.exit_code
        if any(words in str(error).lower() for words in _NO_MEMORY):
            _print_error(f"out of memory ({error})", _FIXES[errno.ENOMEM], debug=session.debug)
            return ExitCode.REFUSED
        if "too many open files" in str(error).lower():
            _print_error(str(error), _FIXES[errno.EMFILE], debug=session.debug)
            return ExitCode.REFUSED
        if ".so" not in str(error):
            raise
        fix = "apt-get install -y libgl1 libglib2.0-0 (what OpenCV needs); fer doctor checks the rest"
        _print_error(f"a system library is missing: {error}", fix, debug=session.debug)
        return ExitCode.REFUSED
    if code == ExitCode.INTERRUPTED:
        say("interrupted")
    return int(code)


def _discard_stdout() -> None:
    """Discard what is buffered for stdout: Python would try to write it at exit, fail, and change the exit code to 120."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _system_error(error: OSError) -> tuple[str, str]:
    """What failed and how to fix it; the file is named if the system states it."""
    if error.errno == errno.ENOENT and not _has_working_folder():
        return _NO_FOLDER
    where = f"{error.filename}: " if error.filename is not None else ""
    too_long = isinstance(error.filename, str) and error.errno in _PATH_ERRORS and is_too_long(Path(error.filename))
    return f"{where}{error.strerror}", LONG_PATHS if too_long else _FIXES[error.errno or 0]


def _has_working_folder() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def run() -> None:
    """Entry point of the `fer` script."""
    disable_telemetry()  # other packages import ONNX Runtime as well, such as torch's exporter
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for file names the terminal cannot show
    signals.install()
    sys.exit(signals.exit_code(main(sys.argv[1:])))


def _print_error(message: str, fix: str, *, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    process = process_rank()
    who = f"process {process[0]}: " if process is not None and process[0] > 0 else ""  # under torchrun
    say(printable(f"{who}error: {message}"))
    say(printable(f"{who}fix: {fix}"))


def _print_usage_error(error: TyperException) -> None:
    if type(error).__name__ == "NoArgsIsHelpError":  # a private class of typer whose message is the help page
        say(error.format_message())
        return
    context = getattr(error, "ctx", None)
    say(printable(f"error: {error.format_message()}"))
    say(f"fix: {context.command_path if context else 'fer'} --help")
