"""Options that the commands of behaviour coding share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fercli.cli import options

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
        help="Two episodes of one expression that are at most so far apart are one.",
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

Confusion = Annotated[
    Path | None,
    typer.Option(
        "--confusion",
        metavar="EVAL",
        help="Folder of fer eval --out: also print shares that are corrected by its confusion matrix, with 95 % intervals.",
    ),
]


def csv_file(content: str) -> typer.models.OptionInfo:
    """--out of a command that writes one csv file. content: what it holds."""
    return typer.Option("--out", "-o", metavar="FILE", help=f"csv file for {content}.", rich_help_panel=options.OUTPUT)
