"""Options that several commands share, each declared once: name, help text, limits. The commands give the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from fercli.config.detect import MAX_SIDE_RANGE, MIN_RELIABLE_PX, DetectConfig
from fercli.errors import UsageError
from fercli.formatting import pluralize

# panels of a command's help
DATA, MODEL, RUN, MACHINE, OUTPUT = "Data", "Model and weights", "Run", "Machine", "Output"
DETECTION, VIDEO = "Face detection", "Videos and streams"

DataSet = Annotated[
    str, typer.Argument(metavar="DATA", help="Name of a data set (rafdb, ferplus, ...) or the folder of one.")
]

DataFolder = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder of a data set given by name (default: data/NAME).",
        rich_help_panel=DATA,
    ),
]

Split = Annotated[
    Literal["train", "val", "test"],
    typer.Option("--split", help="Split of the data set to use.", rich_help_panel=DATA),
]


def new_folder(content: str) -> typer.models.OptionInfo:
    """--out of a command that writes a folder. content: what the folder is for, and its default."""
    return typer.Option("--out", "-o", metavar="DIR", help=f"New folder for {content}.", rich_help_panel=OUTPUT)


def seed_of(what: str) -> typer.models.OptionInfo:
    """--seed. what: the random numbers that it fixes."""
    return typer.Option("--seed", help=f"Seed of {what}.", rich_help_panel=RUN)


Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda[:N]|tensorrt[:N]",
        help="Where to run. auto takes the GPU if there is one; a device asked for by name is used or refused. "
        "tensorrt is for .onnx files.",
        rich_help_panel=MACHINE,
    ),
]

Engine = Annotated[
    Literal["auto", "onnx", "torch"],
    typer.Option(
        "--engine",
        help="What runs the network. auto follows the weights file: .onnx or .safetensors.",
        rich_help_panel=MODEL,
    ),
]


def one_seed(weights: str | None) -> str | None:
    """The first run of a folder with the runs of several seeds, with a warning that says so; other weights as they are."""
    if weights is None or not Path(weights).is_dir():
        return weights
    from fercli.cli import console
    from fercli.weights.run_folder import seed_folders

    seeds = seed_folders(Path(weights))
    if not seeds:
        return weights
    others = "" if len(seeds) == 1 else f"; others: {', '.join(str(run) for run in seeds[1:3])}"
    console.warn(f"{weights} has the runs of {pluralize(len(seeds), 'seed')}: {seeds[0].name} is used{others}")
    return str(seeds[0])


Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        "-w",
        metavar="FILE|RUN|NAME",
        help="Weights with their card (.onnx or .safetensors), a run folder (of several seeds, the first), or a shipped name "
        "(default: fer-compact).",
        callback=one_seed,
        rich_help_panel=MODEL,
    ),
]

Convention = Annotated[
    str | None,
    typer.Option(
        "--convention",
        metavar="perceived|posed|mixed",
        help="Label convention of a model that has several: what others perceive, what the person meant to show, or a "
        "mixture (default: that of the weights).",
        rich_help_panel=MODEL,
    ),
]

Prior = Annotated[
    str | None,
    typer.Option(
        "--prior",
        metavar="NAME|FILE",
        help="Class shares that the probabilities assume: ferplus, uniform, or a CSV file with the columns class and share "
        "(default: those of the weights).",
        rich_help_panel=MODEL,
    ),
]

Flip = Annotated[
    bool,
    typer.Option(
        "--flip",
        help="Average the probabilities of each face and its mirror image (test-time augmentation): twice the time of the "
        "network.",
        rich_help_panel=MODEL,
    ),
]

BatchSize = Annotated[
    int,
    typer.Option("--batch-size", min=1, help="Faces that go through the network together.", rich_help_panel=MACHINE),
]

MinFace = Annotated[
    int,
    typer.Option(
        "--min-face",
        metavar="PX",
        min=1,
        help="Smallest face to detect: its side in pixels.",
        rich_help_panel=DETECTION,
    ),
]

VideoMinFace = Annotated[
    int | None,
    typer.Option(
        "--min-face",
        metavar="PX",
        min=1,
        help=f"Smallest face to detect: its side in pixels (default: {DetectConfig.min_face_px} in pictures, "
        f"{DetectConfig.video_min_face_px} in videos).",
        rich_help_panel=DETECTION,
    ),
]

Thresholds = Annotated[
    str,
    typer.Option(
        "--thresholds",
        metavar="A,B,C",
        help="Minimum scores, 0 to 1, of MTCNN's three stages; YuNet uses the last.",
        rich_help_panel=DETECTION,
    ),
]

Detector = Annotated[
    str,
    typer.Option(
        "--detector",
        metavar="yunet|mtcnn",
        help="Face detector. yunet is faster and finds more faces; mtcnn is what published alignments were made with.",
        rich_help_panel=DETECTION,
    ),
]
DETECTOR = DetectConfig.detector
THRESHOLDS = ",".join(f"{threshold:g}" for threshold in DetectConfig.thresholds)

MaxSide = Annotated[
    int,
    typer.Option(
        "--max-side",
        metavar="PX",
        min=MAX_SIDE_RANGE[0],
        max=MAX_SIDE_RANGE[1],
        help="A picture with a longer side is shrunk to this for detection.",
        rich_help_panel=DETECTION,
    ),
]
MIN_FACE = DetectConfig.min_face_px  # in pictures
MAX_SIDE = DetectConfig.max_side
MIN_RELIABLE = MIN_RELIABLE_PX

ReadingWorkers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=0,
        help="Processes that read images (default: up to 8 with a GPU, a thread on a CPU).",
        rich_help_panel=MACHINE,
    ),
]

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change one field of the model preset or the recipe; repeatable.",
        rich_help_panel=MODEL,
    ),
]

SEEDS = typer.Option(
    "--seeds",
    metavar="N|A,B,...",
    help="One run per seed: a number of seeds, counted from 0, or a list of seeds.",
    rich_help_panel=RUN,
)

Images = Annotated[
    int | None,
    typer.Option(
        "--images",
        min=1,
        help="Train on this many images, classes in their proportions (default: all).",
        rich_help_panel=DATA,
    ),
]

Noise = Annotated[
    float,
    typer.Option(
        "--noise",
        metavar="SHARE",
        min=0,
        max=0.99,
        help="Share of the training images that get a wrong label, drawn uniformly from the other classes; 0.2 is 20 %.",
        rich_help_panel=DATA,
    ),
]

NoiseSeed = Annotated[
    int,
    typer.Option(
        "--noise-seed",
        help="Seed that selects the images of --images and those that --noise mislabels.",
        rich_help_panel=DATA,
    ),
]

SkipUnreadable = Annotated[
    bool,
    typer.Option(
        "--skip-unreadable",
        help="Leave out pictures that cannot be decoded; without it they are listed before the first epoch.",
        rich_help_panel=DATA,
    ),
]

Json = Annotated[
    bool, typer.Option("--json", help="Write results to stdout as JSON instead of a table.", rich_help_panel=OUTPUT)
]

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.", rich_help_panel=OUTPUT)]

Bom = Annotated[
    bool,
    typer.Option(
        "--bom",
        help="Begin csv files with a byte order mark, so that spreadsheets read names with accents.",
        rich_help_panel=OUTPUT,
    ),
]

Strict = Annotated[
    bool,
    typer.Option("--strict", help="End with exit code 1 if any input could not be read.", rich_help_panel=OUTPUT),
]

Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Write only warnings and errors to stderr: no progress, no messages.",
        rich_help_panel=OUTPUT,
    ),
]


def three_thresholds(text: str) -> tuple[float, float, float]:
    """Return the value of --thresholds as numbers. Raises: UsageError unless these are three from 0 to 1."""
    try:
        one, two, three = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--thresholds {text}: must be three numbers separated by commas", fix=THRESHOLDS) from error
    if not all(0 <= value <= 1 for value in (one, two, three)):
        raise UsageError(f"--thresholds {text}: each must be between 0 and 1", fix=THRESHOLDS)
    return one, two, three


def parse_seeds(text: str) -> tuple[int, ...]:
    """The value of --seeds: `5` is seeds 0 to 4, `0,3,7` is a list; UsageError for anything else or a repeated seed."""
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"--seeds {text}: neither a number of seeds nor a list of seeds", fix="--seeds 5, or --seeds 0,1,2"
        ) from error
    if len(seeds) == 1:
        seeds = tuple(range(seeds[0]))
    if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise UsageError(f"--seeds {text}: seeds are different whole numbers from 0", fix="--seeds 5, or --seeds 0,1,2")
    return seeds
