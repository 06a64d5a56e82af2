"""The `fer` command: registers one function per verb, turns mistakes into two lines and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from typer.exceptions import TyperException

from fercli import __version__
from fercli.cli.ablate import ablate
from fercli.cli.align import align
from fercli.cli.audit import audit
from fercli.cli.bench import faces as bench_faces
from fercli.cli.bench import models as bench_models
from fercli.cli.bench import start as bench_start
from fercli.cli.bench import train as bench_train
from fercli.cli.bench import video as bench_video
from fercli.cli.calibrate import calibrate
from fercli.cli.compare import compare
from fercli.cli.console import say
from fercli.cli.convert import convert
from fercli.cli.data import check, prepare
from fercli.cli.describe import describe
from fercli.cli.distill import distill
from fercli.cli.doctor import doctor
from fercli.cli.eval import evaluate
from fercli.cli.export import export
from fercli.cli.predict import predict
from fercli.cli.report import report
from fercli.cli.train import train
from fercli.cli.visualize import app as visualize
from fercli.cli.weights import average_weights, import_weights, list_weights, pull, verify
from fercli.errors import ExitCode, FerError
from fercli.system.devices import process_rank

# What the system says of a path that a person gave, or of the disk: theirs to mend, not a fault of the program.
_PATH_FAULTS = {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}
_DISK_FAULTS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}

# plain help pages: drawing them with rich would double the time until they stand there
app = typer.Typer(name="fer", rich_markup_mode=None, no_args_is_help=True)
data = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
weights = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
bench = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


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
    """Check data sets, and bring them into the form that the other commands read.

    Example:

      fer data prepare fer2013 fer2013.csv data/fer2013
    """


@bench.callback()
def _bench() -> None:
    """Measure speed, memory and exactness on this machine, on data of your own.

    Example:

      fer bench faces photos
    """


@weights.callback()
def _weights() -> None:
    """Public weights: find, download, check and convert them.

    Example:

      fer weights pull poster-v2-rafdb
    """


# in the order of the work, which is the order of `fer --help`
app.command("align", short_help="Find faces and bring them into one position and size.")(align)
app.command("train", short_help="Train a Batch Transformer Network on a data set.")(train)
app.command("eval", short_help="Measure how well weights read a data set.")(evaluate)
app.command("calibrate", short_help="Fit probabilities and a leaning towards rare classes.")(calibrate)
app.command("ablate", short_help="Train the rows of the paper's ablations with several seeds.")(ablate)
app.command("audit", short_help="Rank training images by how doubtful their label is.")(audit)
app.add_typer(visualize, name="visualize", short_help="Draw what networks answer and look at.")
app.command("compare", short_help="Tell whether one of two evaluations is better.")(compare)
app.command("report", short_help="Print a table of the paper with measured rows.")(report)
app.command("export", short_help="Write a model as one ONNX file, compared with torch.")(export)
app.command("predict", short_help="Read the expression of every face in pictures and videos.")(predict)
app.command("convert", short_help="Turn weights of other projects into a file of ours.")(convert)
app.command("distill", short_help="Train a landmark branch from a landmark network's answers.")(distill)
app.command("describe", short_help="Show shapes, parameters and multiply-adds of a network.")(describe)
app.command("doctor", short_help="Tell what is installed, and what mends what is missing.")(doctor)
data.command("prepare", short_help="Turn FER2013's csv file into image folders.")(prepare)
bench.command("models", short_help="Models as torch and as exported files: one table.")(bench_models)
bench.command("faces", short_help="Find faces side by side with facenet-pytorch.")(bench_faces)
bench.command("video", short_help="Read a video in several ways.")(bench_video)
bench.command("train", short_help="Take a training step in two ways.")(bench_train)
bench.command("start", short_help="Time fer predict from a cold start.")(bench_start)
app.add_typer(bench, name="bench", short_help="Measure speed, memory and exactness on this machine.")
data.command("check", short_help="Compare a data set with what is published of it.")(check)
app.add_typer(data, name="data", short_help="Check data sets, and bring them into the form the commands read.")
weights.command("list", short_help="Show the public weights that fer knows.")(list_weights)
weights.command("pull", short_help="Download public weights, check and convert them.")(pull)
weights.command("verify", short_help="Check that weights are what they were when they were pulled.")(verify)
weights.command("import", short_help="Convert a checkpoint of another project and keep it under a name.")(
    import_weights
)
weights.command("average", short_help="Mean of the weights of runs that began alike.")(average_weights)
app.add_typer(weights, name="weights", short_help="Public weights: find, download, check and convert them.")


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
        if error.errno not in _PATH_FAULTS | _DISK_FAULTS:
            raise
        fix = "check the path" if error.errno in _PATH_FAULTS else "check its permissions and the free space there"
        _tell(f"{error.filename or 'output'}: {error.strerror}", fix, debug=session.debug)
        return ExitCode.REFUSED
    except ImportError as error:
        if ".so" not in str(error):
            raise
        fix = "apt-get install -y libgl1 libglib2.0-0 gives OpenCV what it needs; fer doctor tells about the rest"
        _tell(f"a system library is missing: {error}", fix, debug=session.debug)
        return ExitCode.REFUSED
    if code == ExitCode.INTERRUPTED:
        say("interrupted")
    return int(code)


def run() -> None:
    """Entry point of the `fer` script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be any bytes, terminals know any set
    sys.exit(main(sys.argv[1:]))


def _tell(message: str, fix: str, *, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    place = process_rank()
    who = f"process {place[0]}: " if place is not None and place[0] > 0 else ""  # under torchrun each tells its own
    say(f"{who}error: {message}")
    say(f"{who}fix: {fix}")


def _tell_usage(error: TyperException) -> None:
    if type(error).__name__ == "NoArgsIsHelpError":  # a private class of typer; its message is the help page
        say(error.format_message())
        return
    context = getattr(error, "ctx", None)
    say(f"error: {error.format_message()}")
    say(f"fix: {context.command_path if context else 'fer'} --help")
