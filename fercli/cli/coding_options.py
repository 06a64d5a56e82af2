"""Options that the commands of behaviour coding share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options
from fercli.formatting import pluralize, printable

if TYPE_CHECKING:
    from fercli.coding.code import CodedTables
    from fercli.coding.names import Names

EPISODES = "Episodes"

Rows = Annotated[
    list[Path],
    typer.Argument(
        metavar="ROWS", help="Tables of fer predict --save (.csv, .parquet, .jsonl), or folders of fer predict --out."
    ),
]
Smooth = Annotated[
    float,
    typer.Option(
        "--smooth",
        metavar="SECONDS",
        min=0,
        help="Width of the centred moving average of the probabilities; 0: none.",
        rich_help_panel=EPISODES,
    ),
]
Enter = Annotated[
    float,
    typer.Option(
        "--enter",
        metavar="P",
        min=0,
        max=1,
        help="Smoothed probability that an episode must reach.",
        rich_help_panel=EPISODES,
    ),
]
Leave = Annotated[
    float,
    typer.Option(
        "--leave",
        metavar="P",
        min=0,
        max=1,
        help="Smoothed probability below which an episode ends.",
        rich_help_panel=EPISODES,
    ),
]
MinDuration = Annotated[
    float,
    typer.Option(
        "--min-duration",
        metavar="SECONDS",
        min=0,
        help="Shorter episodes are left out.",
        rich_help_panel=EPISODES,
    ),
]
MergeGap = Annotated[
    float,
    typer.Option(
        "--merge-gap",
        metavar="SECONDS",
        min=0,
        help="Join two episodes of one expression that are at most this far apart.",
        rich_help_panel=EPISODES,
    ),
]
MinView = Annotated[
    float,
    typer.Option(
        "--min-view",
        metavar="SECONDS",
        min=0,
        help="Tracks in view for a shorter time have no row of their own; the row of the video includes them.",
    ),
]

PeopleFile = Annotated[
    Path | None,
    typer.Option(
        "--people",
        metavar="FILE",
        help="csv file with the columns source, track and name: names for tracks; tracks with one name are one person.",
        rich_help_panel="People",
    ),
]
Confusion = Annotated[
    Path | None,
    typer.Option(
        "--confusion",
        metavar="EVAL",
        help="Folder of fer eval --out: also print shares that are corrected by its confusion matrix, with 95 % intervals.",
    ),
]


def read_people(path: Path | None) -> Names | None:
    """Read the file of --people."""
    from fercli.coding.names import read_names

    return None if path is None else read_names(path)


def warn_of_names(names: Names | None) -> None:
    """Write to stderr what does not fit in the file of --people."""
    for warning in [] if names is None else names.warnings():
        console.warn(printable(warning))


def show_baseline(coded: CodedTables) -> None:
    """Print which resting expressions were subtracted, if any was."""
    found = [item for item in coded.summaries if item.level != "video"]
    with_one = sum(item.baseline is not None for item in found)
    if with_one:
        source = coded.run.settings.get("baseline", "").partition(", subtracted")[0] or "see the column baseline"
        console.show(
            f"Resting expression subtracted for {with_one} of {pluralize(len(found), 'track')}: {printable(source)}"
        )


def csv_file(content: str) -> typer.models.OptionInfo:
    """--out of a command that writes one csv file. content: what it holds."""
    return typer.Option("--out", "-o", metavar="FILE", help=f"csv file for {content}.", rich_help_panel=options.OUTPUT)
