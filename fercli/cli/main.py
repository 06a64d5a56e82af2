"""The `fer` command: registers the commands and turns user errors into two lines and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import typer
from typer.exceptions import TyperException

from fercli import __version__
from fercli.cli import signals
from fercli.cli.commands import Fer, group
from fercli.cli.console import STDOUT, say
from fercli.cli.system_errors import explain
from fercli.errors import ExitCode, FerError
from fercli.formatting import printable
from fercli.system.devices import disable_telemetry, limit_threads, process_rank
from fercli.system.files import write_errors_name


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
    except TyperException as error:
        _print_usage_error(error)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()  # its reader is gone
        return ExitCode.REFUSED
    except (FerError, OSError, MemoryError, ImportError) as error:
        explained = explain(error)
        if explained is None:
            raise
        if isinstance(error, OSError) and error.filename == str(STDOUT):
            _discard_stdout()
        _print_error(explained, debug=session.debug)
        return explained.exit_code
    if code == ExitCode.INTERRUPTED:
        say("interrupted")
    return int(code)


def _discard_stdout() -> None:
    """Discard what is buffered for stdout: Python would try to write it at exit, fail, and change the exit code to 120."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run() -> None:
    """Entry point of the `fer` script."""
    disable_telemetry()  # other packages import ONNX Runtime as well, such as torch's exporter
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for file names the terminal cannot show
    signals.install()
    sys.exit(signals.exit_code(main(sys.argv[1:])))


def _print_error(error: FerError, *, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    process = process_rank()
    who = f"process {process[0]}: " if process is not None and process[0] > 0 else ""  # under torchrun
    say(printable(f"{who}error: {error.message}"))
    say(printable(f"{who}fix: {error.fix}"))


def _print_usage_error(error: TyperException) -> None:
    if type(error).__name__ == "NoArgsIsHelpError":  # a private class of typer whose message is the help page
        say(error.format_message())
        return
    context = getattr(error, "ctx", None)
    say(printable(f"error: {error.format_message()}"))
    say(f"fix: {context.command_path if context else 'fer'} --help")
