"""The options that only `fer predict` has: what is read, and what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fercli.cli import options

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCES",
        help="Pictures, videos, folders (searched recursively), globs, http and rtsp addresses, camera numbers; "
        "- reads a list of them from stdin.",
    ),
]
MinReliable = Annotated[
    float,
    typer.Option(
        "--min-reliable",
        metavar="PX",
        min=0,
        help="Minimum reliable face size: the prediction of a face with a smaller side has status too_small.",
        rich_help_panel=options.DETECTION,
    ),
]
Boxes = Annotated[
    Path | None,
    typer.Option(
        "--boxes",
        metavar="FILE",
        help="CSV file with the boxes or landmarks of the faces, instead of detection; predictions.csv is such a file.",
        rich_help_panel=options.DETECTION,
    ),
]
Crops = Annotated[
    bool,
    typer.Option(
        "--crops",
        help="Every picture is the crop of one face: nothing is detected, the whole picture is classified.",
        rich_help_panel=options.DETECTION,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Output folder for annotated copies (H.264 with sound), HTML reports and predictions.csv.",
        rich_help_panel=options.OUTPUT,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue an interrupted run in --out DIR: finished files are kept.",
        rich_help_panel=options.OUTPUT,
    ),
]
Save = Annotated[
    list[Path] | None,
    typer.Option(
        "--save",
        metavar="FILE",
        help="Table of predictions: .csv, .parquet or .jsonl. Repeatable.",
        rich_help_panel=options.OUTPUT,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="One HTML report of all sources; --out writes one per video.",
        rich_help_panel=options.OUTPUT,
    ),
]
Track = Annotated[
    bool,
    typer.Option(
        "--track/--no-track",
        help="Number the tracks of faces in a video; a face keeps its number from frame to frame and after a cut.",
        rich_help_panel=options.VIDEO,
    ),
]
Smooth = Annotated[
    float,
    typer.Option(
        "--smooth",
        metavar="SECONDS",
        min=0,
        help="Time constant of the moving average of the probabilities along a track; 0: no smoothing.",
        rich_help_panel=options.VIDEO,
    ),
]
DetectEvery = Annotated[
    int,
    typer.Option(
        "--detect-every",
        metavar="N",
        min=1,
        help="Run the detector on every N-th frame of a video, move the faces by optical flow in between.",
        rich_help_panel=options.VIDEO,
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(
        "--fps",
        metavar="N",
        help="Read at most N frames per second of a video, by their presentation times (default: every frame).",
        rich_help_panel=options.VIDEO,
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--start",
        metavar="TIME",
        help="Read videos from this time on: seconds, m:ss or h:mm:ss.",
        rich_help_panel=options.VIDEO,
    ),
]
End = Annotated[
    str | None,
    typer.Option(
        "--end",
        metavar="TIME",
        help="Read videos up to this time: seconds, m:ss or h:mm:ss.",
        rich_help_panel=options.VIDEO,
    ),
]
Seconds = Annotated[
    float | None,
    typer.Option(
        "--seconds",
        metavar="S",
        min=0.1,
        help="Stop cameras and streams after this time; Ctrl-C stops them too.",
        rich_help_panel=options.VIDEO,
    ),
]
Reconnect = Annotated[
    float | None,
    typer.Option(
        "--reconnect",
        metavar="S",
        min=0.1,
        help="Open a camera or stream that breaks off again, until it was away for S seconds; rows mark the gap.",
        rich_help_panel=options.VIDEO,
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Read only part I of N of the sources, and write a Parquet file for each into --out; fer merge joins them.",
        rich_help_panel=options.OUTPUT,
    ),
]
