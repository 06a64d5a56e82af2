"""The `fer` command: registers one function per verb, turns mistakes into two lines and an exit code."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from typer.exceptions import TyperException

from fercli import __version__
from fercli.cli.console import say
from fercli.errors import ExitCode, FerError

# What a person can mend about the machine, not a fault of the program.
_SYSTEM_FAULTS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}

app = typer.Typer(name="fer", rich_markup_mode="rich", no_args_is_help=True, add_completion=True)
data = typer.Typer(rich_markup_mode="rich", no_args_is_help=True)


@dataclass
class Session:
    """What the options before the verb said."""

    debug: bool = False


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fer {__version__}")
        raise typer.Exit


@app.callback()
def fer(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - the callback answers
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="FER_DEBUG", help="Show the traceback of an error as well.")
    ] = False,
) -> None:
    """Facial expression recognition: find faces, align them, train on them, and read their expression.

    Example:

      fer predict photo.jpg
    """
    context.obj.debug = debug


@data.callback()
def _data() -> None:
    """Bring data sets into the form that the other commands read.

    Example:

      fer data prepare fer2013 fer2013.csv data/fer2013
    """


# the order of `fer --help` is the order of the work
for _verb in ("doctor", "align", "train", "distill", "eval", "export", "predict", "convert"):
    if importlib.util.find_spec(f"fercli.cli.{_verb}"):
        _module = importlib.import_module(f"fercli.cli.{_verb}")
        _functions = [
            f
            for n, f in vars(_module).items()
            if inspect.isfunction(f) and f.__module__ == _module.__name__ and n[0] != "_"
        ]
        app.command(_verb)(next((f for f in _functions if f.__name__ in (_verb, "evaluate")), _functions[0]))
if importlib.util.find_spec("fercli.cli.data"):
    data.command("prepare")(importlib.import_module("fercli.cli.data").prepare)
app.add_typer(data, name="data")


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; mistakes are told on stderr as `error: ...` and `fix: ...`."""
    session = Session()
    command = typer.main.get_command(app)
    try:
        code = command.main(list(arguments), prog_name="fer", standalone_mode=False, obj=session) or ExitCode.DONE
        sys.stdout.flush()
    except FerError as error:
        _tell(error.message, error.fix, debug=session.debug)
        return error.exit_code
    except TyperException as error:
        _tell_usage(error)
        return ExitCode.USAGE
    except BrokenPipeError:
        # the reader of stdout has left: what is still buffered goes nowhere, without a word at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.REFUSED
    except OSError as error:
        if error.errno not in _SYSTEM_FAULTS:
            raise
        place = error.filename or "output"
        _tell(f"{place}: {error.strerror}", "check its permissions and the free space there", debug=session.debug)
        return ExitCode.REFUSED
    if code == ExitCode.INTERRUPTED:
        say("interrupted")
    return int(code)


def run() -> None:
    """Entry point of the `fer` script."""
    sys.exit(main(sys.argv[1:]))


def _tell(message: str, fix: str | None, *, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    say(f"error: {message}")
    if fix:
        say(f"fix: {fix}")


def _tell_usage(error: TyperException) -> None:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "fer"
    if type(error).__name__ == "NoArgsIsHelpError":  # the help was the answer
        return
    say(f"error: {error.format_message()}")
    say(f"fix: {path} --help")
