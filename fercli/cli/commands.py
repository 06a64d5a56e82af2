"""The commands of `fer`, by group, in the order of its help pages."""

from __future__ import annotations

import typer

from fercli.cli.lazy import Entry, LazyGroup
from fercli.system.packages import TORCH


class _Data(LazyGroup):
    """`fer data`."""

    entries = (
        Entry("prepare", "fercli.cli.data:prepare", "Convert FER2013's csv file into image folders."),
        Entry("check", "fercli.cli.data:check", "Compare a data set with its published counts."),
    )


class _Weights(LazyGroup):
    """`fer weights`."""

    entries = (
        Entry(
            "list", "fercli.cli.weights:list_weights", "List public weights and earlier versions of the default model."
        ),
        Entry("pull", "fercli.cli.weights:pull", "Download public weights, verify and convert them.", needs=TORCH),
        Entry(
            "restore",
            "fercli.cli.weights:restore_version",
            "Restore earlier versions of the default model from a clone.",
        ),
        Entry("verify", "fercli.cli.weights:verify", "Check that downloaded weights have not changed."),
        Entry(
            "import",
            "fercli.cli.weights:import_weights",
            "Convert a checkpoint of another project and register it by name.",
            needs=TORCH,
        ),
        Entry("average", "fercli.cli.weights:average_weights", "Average the weights of several runs.", needs=TORCH),
    )


class _Bench(LazyGroup):
    """`fer bench`."""

    entries = (
        Entry(
            "models",
            "fercli.cli.bench:models",
            "Compare models in torch and as exported files.",
            needs=(*TORCH, "onnx", "onnxscript"),
        ),
        Entry(
            "faces",
            "fercli.cli.bench:faces",
            "Compare face detection with facenet-pytorch.",
            needs=("torch", "facenet_pytorch"),
        ),
        Entry("video", "fercli.cli.bench:video", "Measure video prediction."),
        Entry("train", "fercli.cli.bench:train", "Measure a training step.", needs=TORCH),
        Entry("gpu", "fercli.cli.bench:gpu", "Check a GPU in ten minutes.", needs=TORCH),
        Entry("start", "fercli.cli.bench:start", "Measure fer predict from a cold start."),
    )


def group(name: str, cls: type[LazyGroup]) -> typer.Typer:
    """Return a group of commands with plain-text help pages: rich ones would double the time of `fer --help`."""
    return typer.Typer(name=name, cls=cls, rich_markup_mode=None, no_args_is_help=True)


data, weights, bench = group("data", _Data), group("weights", _Weights), group("bench", _Bench)


class Fer(LazyGroup):
    """The commands of `fer`, by stage."""

    entries = (
        Entry(
            "predict",
            "fercli.cli.predict:predict",
            "Predict the expression of every face in pictures and videos.",
            "Predict",
        ),
        Entry(
            "merge",
            "fercli.cli.merge:merge",
            "Merge the parts of several machines into one table.",
            "Predict",
        ),
        Entry(
            "summary",
            "fercli.cli.summary:summary",
            "Print the time per expression of every person of videos.",
            "Behaviour coding",
        ),
        Entry(
            "events",
            "fercli.cli.events:events",
            "Find episodes of expressions; write them for ELAN, Praat and BORIS.",
            "Behaviour coding",
        ),
        Entry(
            "baseline",
            "fercli.cli.baseline:baseline",
            "Subtract people's resting expression from predictions.",
            "Behaviour coding",
        ),
        Entry(
            "export",
            "fercli.cli.export:export",
            "Export a model to ONNX and compare it with torch.",
            "Predict",
            needs=(*TORCH, "onnx", "onnxscript"),
        ),
        Entry("align", "fercli.cli.align:align", "Detect faces and align them to a crop template.", "Data"),
        Entry(
            "train",
            "fercli.cli.train:train",
            "Train a Batch Transformer Network on a data set.",
            "Training",
            needs=(*TORCH, "matplotlib"),
        ),
        Entry(
            "distill",
            "fercli.cli.distill:distill",
            "Train a landmark branch from a landmark network.",
            "Training",
            needs=TORCH,
        ),
        Entry(
            "ablate",
            "fercli.cli.ablate:ablate",
            "Train the rows of the paper's ablations with several seeds.",
            "Training",
            needs=(*TORCH, "matplotlib"),
        ),
        Entry("eval", "fercli.cli.eval:evaluate", "Evaluate weights on a data set.", "Evaluation"),
        Entry(
            "calibrate",
            "fercli.cli.calibrate:calibrate",
            "Fit the temperature and the logit adjustment of weights.",
            "Evaluation",
            needs=TORCH,
        ),
        Entry("compare", "fercli.cli.compare:compare", "Test whether one of two evaluations is better.", "Evaluation"),
        Entry("report", "fercli.cli.report:report", "Print a table of the paper with measured rows.", "Evaluation"),
        Entry(
            "audit",
            "fercli.cli.audit:audit",
            "Rank training images by how doubtful their label is.",
            "Explanation",
            needs=(*TORCH, "matplotlib"),
        ),
        Entry(
            "describe",
            "fercli.cli.describe:describe",
            "Show shapes, parameters and multiply-adds of a network.",
            "Explanation",
            needs=TORCH,
        ),
        Entry("convert", "fercli.cli.convert:convert", "Convert weights of other projects.", "Weights", needs=TORCH),
        Entry("doctor", "fercli.cli.doctor:doctor", "Show what is installed and how to fix what is missing.", "System"),
        Entry(
            "agree",
            "fercli.cli.agree:app",
            "Compare hand codings with the predictions, or several coders.",
            "Behaviour coding",
        ),
        Entry("data", data, "Check and prepare data sets.", "Data"),
        Entry(
            "visualize",
            "fercli.cli.visualize:app",
            "Plot probabilities, Score-CAM maps, t-SNE and batch attention.",
            "Explanation",
        ),
        Entry("weights", weights, "List, download, verify and import public weights.", "Weights"),
        Entry("bench", bench, "Measure speed, memory and accuracy.", "System"),
    )


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
