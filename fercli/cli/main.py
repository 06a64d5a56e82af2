"""The `fer` command: registers the commands and turns user errors into two lines and an exit code."""

from __future__ import annotations

import errno
import functools
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from fercli import __version__
from fercli.cli import signals
from fercli.cli.ablate import ablate
from fercli.cli.agree import app as agree
from fercli.cli.align import align
from fercli.cli.audit import audit
from fercli.cli.baseline import baseline
from fercli.cli.bench import faces as bench_faces
from fercli.cli.bench import gpu as bench_gpu
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
from fercli.cli.events import events
from fercli.cli.export import export
from fercli.cli.help_pages import GroupedCommand, GroupedGroup
from fercli.cli.merge import merge
from fercli.cli.predict import predict
from fercli.cli.report import report
from fercli.cli.summary import summary
from fercli.cli.train import train
from fercli.cli.visualize import app as visualize
from fercli.cli.weights import average_weights, import_weights, list_weights, pull, restore_version, verify
from fercli.errors import ExitCode, FerError
from fercli.formatting import printable
from fercli.system.devices import disable_telemetry, limit_threads, process_rank
from fercli.system.packages import OPTIONAL, TORCH, missing_packages, require

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
_NO_MEMORY = ("cannot allocate memory", "failed to map segment", "out of memory", "unable to allocate", "bad_alloc")


@dataclass
class GlobalOptions:
    """Values of the options that precede the command, and the whole command line."""

    debug: bool = False
    arguments: tuple[str, ...] = ()


def _typer(**options: Any) -> typer.Typer:
    """A group of commands with plain-text help pages: rich ones would double the time of `fer --help`."""
    return typer.Typer(cls=GroupedGroup, rich_markup_mode=None, no_args_is_help=True, **options)


app = _typer(name="fer")
data = _typer(name="data")
weights = _typer(name="weights")
bench = _typer(name="bench")


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


@data.callback()
def _data() -> None:
    """Check data sets and prepare them for training and evaluation.

    Example:

      fer data prepare fer2013 fer2013.csv data/fer2013
    """


@bench.callback()
def _bench() -> None:
    """Measure speed, memory and accuracy on this machine, with your own data.

    Example:

      fer bench faces photos
    """


@weights.callback()
def _weights() -> None:
    """List, download, verify and import public weights.

    Example:

      fer weights pull poster-v2-rafdb
    """


def _add(
    to: typer.Typer,
    name: str,
    command: Callable[..., Any],
    description: str,
    stage: str | None = None,
    *,
    needs: Sequence[str] = (),
) -> None:
    """Register a command. needs: optional modules without which it does nothing at all."""
    work = f"fer {to.info.name} {name}" if to is not app else f"fer {name}"

    @functools.wraps(command)
    def checked(*arguments: Any, **values: Any) -> Any:
        require(work, needs)
        return command(*arguments, **values)

    to.command(name, cls=GroupedCommand, short_help=description, rich_help_panel=stage)(checked if needs else command)


_add(data, "prepare", prepare, "Convert FER2013's csv file into image folders.")
_add(data, "check", check, "Compare a data set with its published counts.")
_add(weights, "list", list_weights, "List public weights and earlier versions of the default model.")
_add(weights, "pull", pull, "Download public weights, verify and convert them.", needs=TORCH)
_add(weights, "restore", restore_version, "Restore earlier versions of the default model from a clone.")
_add(weights, "verify", verify, "Check that downloaded weights have not changed.")
_add(weights, "import", import_weights, "Convert a checkpoint of another project and register it by name.", needs=TORCH)
_add(weights, "average", average_weights, "Average the weights of several runs.", needs=TORCH)
_add(
    bench,
    "models",
    bench_models,
    "Compare models in torch and as exported files.",
    needs=(*TORCH, "onnx", "onnxscript"),
)
_add(bench, "faces", bench_faces, "Compare face detection with facenet-pytorch.", needs=("torch", "facenet_pytorch"))
_add(bench, "video", bench_video, "Measure video prediction.")
_add(bench, "train", bench_train, "Measure a training step.", needs=TORCH)
_add(bench, "gpu", bench_gpu, "Check a GPU in ten minutes.", needs=TORCH)
_add(bench, "start", bench_start, "Measure fer predict from a cold start.")

# by stage, in the order of `fer --help`
_add(app, "predict", predict, "Predict the expression of every face in pictures and videos.", "Predict")
_add(app, "merge", merge, "Merge the parts of several machines into one table.", "Predict")
_add(app, "summary", summary, "Print the time per expression of every person of videos.", "Behaviour coding")
_add(app, "events", events, "Find episodes of expressions; write them for ELAN, Praat and BORIS.", "Behaviour coding")
_add(app, "baseline", baseline, "Subtract people's resting expression from predictions.", "Behaviour coding")
_AGREE = "Compare hand codings with the predictions, or several coders."
app.add_typer(agree, name="agree", short_help=_AGREE, rich_help_panel="Behaviour coding")
_add(
    app,
    "export",
    export,
    "Export a model to ONNX and compare it with torch.",
    "Predict",
    needs=(*TORCH, "onnx", "onnxscript"),
)
_add(app, "align", align, "Detect faces and align them to a crop template.", "Data")
app.add_typer(data, name="data", short_help="Check and prepare data sets.", rich_help_panel="Data")
_add(app, "train", train, "Train a Batch Transformer Network on a data set.", "Training", needs=(*TORCH, "matplotlib"))
_add(app, "distill", distill, "Train a landmark branch from a landmark network.", "Training", needs=TORCH)
_add(
    app,
    "ablate",
    ablate,
    "Train the rows of the paper's ablations with several seeds.",
    "Training",
    needs=(*TORCH, "matplotlib"),
)
_add(app, "eval", evaluate, "Evaluate weights on a data set.", "Evaluation")
_add(app, "calibrate", calibrate, "Fit the temperature and the logit adjustment of weights.", "Evaluation", needs=TORCH)
_add(app, "compare", compare, "Test whether one of two evaluations is better.", "Evaluation")
_add(app, "report", report, "Print a table of the paper with measured rows.", "Evaluation")
_VISUALIZE = "Plot probabilities, Score-CAM maps, t-SNE and batch attention."
app.add_typer(visualize, name="visualize", short_help=_VISUALIZE, rich_help_panel="Explanation")
_add(
    app,
    "audit",
    audit,
    "Rank training images by how doubtful their label is.",
    "Explanation",
    needs=(*TORCH, "matplotlib"),
)
_add(app, "describe", describe, "Show shapes, parameters and multiply-adds of a network.", "Explanation", needs=TORCH)
_WEIGHTS = "List, download, verify and import public weights."
app.add_typer(weights, name="weights", short_help=_WEIGHTS, rich_help_panel="Weights")
_add(app, "convert", convert, "Convert weights of other projects.", "Weights", needs=TORCH)
_add(app, "doctor", doctor, "Show what is installed and how to fix what is missing.", "System")
app.add_typer(bench, name="bench", short_help="Measure speed, memory and accuracy.", rich_help_panel="System")


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; user errors go to stderr as `error: ...` and `fix: ...`."""
    limit_threads()
    session = GlobalOptions(arguments=tuple(arguments))
    command = typer.main.get_command(app)
    try:
        code = command.main(list(arguments), prog_name="fer", standalone_mode=False, obj=session) or ExitCode.DONE
        sys.stdout.flush()
    except FerError as error:
        _print_error(error.message, error.fix, debug=session.debug)
        return error.exit_code
    except TyperException as error:
        _print_usage_error(error)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # the reader of stdout is gone: discard what is buffered, so that Python does not complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.REFUSED
    except OSError as error:
        if error.errno not in _FIXES:
            raise
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


def _system_error(error: OSError) -> tuple[str, str]:
    """What failed and how to fix it; the file is named if the system states it."""
    if error.errno == errno.ENOENT and error.filename is None and not _has_working_folder():
        return "the working folder no longer exists", "cd into a folder that exists"
    where = f"{error.filename}: " if error.filename is not None else ""
    return f"{where}{error.strerror}", _FIXES[error.errno or 0]


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
