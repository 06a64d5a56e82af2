"""Options that several commands share, each declared once: name, help text, limits. Defaults stand in the commands."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda|cuda:N",
        help="Where to run. auto takes the GPU if there is one; a device asked for by name is used or refused.",
    ),
]

Engine = Annotated[
    Literal["auto", "onnx", "torch"],
    typer.Option("--engine", help="What runs the network. auto follows the weights file: .onnx or .safetensors."),
]

Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        "-w",
        metavar="FILE|NAME",
        help="Weights with their card (.onnx or .safetensors), or a shipped name; left out: the shipped default.",
    ),
]

BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Faces that go through the network together.")]

MinFace = Annotated[
    int, typer.Option("--min-face", metavar="PX", min=1, help="Smallest face to look for: its side in pixels.")
]

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Change one field of the preset or the recipe; can be given many times."
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Write results to stdout as JSON instead of a table.")]

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that is already there.")]

Strict = Annotated[bool, typer.Option("--strict", help="End with exit code 1 if any input could not be read.")]

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no talk on stderr; errors are still told.")]
