"""`fer visualize`: the paper's figures of your networks, and who lends whom attention in a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fercli.cli import console, options

if TYPE_CHECKING:
    from fercli.explain.visualize import Figure, VisualizeResult

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)

Data = Annotated[str, typer.Argument(metavar="DATA", help="Data set name (rafdb, ferplus, ...) or the folder of one.")]
Folder = Annotated[Path | None, typer.Option("--data", help="Folder of a data set given by name [data/NAME].")]
Networks = Annotated[
    list[str],
    typer.Option(
        "--weights", "-w", metavar="FILE|RUN|NAME", help="Weights or the folder of a run; twice for two, side by side."
    ),
]
Network = Annotated[
    list[str],
    typer.Option(
        "--weights",
        "-w",
        metavar="RUN",
        help="The folder of a run: weights files do not hold what training alone uses.",
    ),
]
Names = Annotated[
    list[str] | None, typer.Option("--name", metavar="TEXT", help="What the picture calls a network; once for each -w.")
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder to make [runs/FIGURE].")]
Split = Annotated[Literal["train", "val", "test"], typer.Option("--split", help="Where the images are from.")]
Images = Annotated[
    list[str] | None,
    typer.Option(
        "--image",
        metavar="FILE",
        help="Name of an image of the data set; repeatable; left out, some are drawn by seed.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Decides which images are drawn.")]


def _count(default: int, what: str) -> typer.models.OptionInfo:
    return typer.Option("--count", min=1, help=f"{what} [{default}].")


@app.callback()
def _visualize() -> None:
    """Draw what networks answer and look at: the paper's Figures 4 to 8, and the attention within a batch.

    Example:

      fer visualize probabilities data/ferplus -w fer-compact
    """


@app.command("probabilities", short_help="Bars of what one or two networks answer (Figure 4).")
def probabilities(
    data: Data,
    *,
    weights: Networks,
    names: Names = None,
    folder: Folder = None,
    split: Split = "test",
    images: Images = None,
    count: Annotated[int | None, _count(8, "How many images to draw, as many of each class as there are")] = None,
    seed: Seed = 0,
    out: Out = None,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw the probabilities that one or two networks give to every class, image by image (Figure 4), with a csv.

    Example:

      fer visualize probabilities data/ferplus -w runs/btn/best.safetensors -w runs/poster/best.safetensors
    """
    from fercli.explain.probabilities import Probabilities

    _run(
        Probabilities(),
        _Told(
            data, weights, names or (), folder, split, images or (), count, seed, out, device, overwrite, json, quiet
        ),
    )


@app.command("scorecam", short_help="Where on a face a layer looks, by Score-CAM (Figures 5 to 7).")
def scorecam(
    data: Data,
    *,
    weights: Networks,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layer", metavar="LAYER", help="F1 to F3, S1 to S3, mla, embed, vit.norm; repeatable [F1 F2 F3 S1 S2 S3]."
        ),
    ] = None,
    head: Annotated[
        Literal["vit", "cba"], typer.Option("--head", help="Whose score weighs the maps: P_VIT, or P_CBA in the batch.")
    ] = "vit",
    target: Annotated[
        str, typer.Option("--target", help="The class whose score counts: label, predicted, or a class by name.")
    ] = "label",
    names: Names = None,
    folder: Folder = None,
    split: Split = "test",
    images: Images = None,
    count: Annotated[int | None, _count(4, "How many images to draw, as many of each class as there are")] = None,
    seed: Seed = 0,
    out: Out = None,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw Score-CAM maps of layers of one or two networks over faces (Figures 5 to 7), with the arrays as npz.

    Example:

      fer visualize scorecam data/ferplus -w runs/btn -w runs/poster --layer S1 --layer S2 --layer S3
    """
    from fercli.explain.scorecam import ScoreCam

    layers = {"layers": tuple(layer)} if layer else {}
    _run(
        ScoreCam(head=head, target=target, **layers),
        _Told(
            data, weights, names or (), folder, split, images or (), count, seed, out, device, overwrite, json, quiet
        ),
    )


@app.command("tsne", short_help="Images in the plane by what a network makes of them (Figure 8).")
def tsne(
    data: Data,
    *,
    weights: Networks,
    feature: Annotated[
        Literal["logits", "cls"], typer.Option("--feature", help="P_VIT's logits, or the class token before the head.")
    ] = "logits",
    perplexity: Annotated[
        float, typer.Option("--perplexity", min=1, help="How many neighbours count; below the number of images.")
    ] = 30.0,
    names: Names = None,
    folder: Folder = None,
    split: Split = "test",
    images: Images = None,
    count: Annotated[int | None, _count(1000, "How many images to draw, as they come")] = None,
    seed: Seed = 0,
    out: Out = None,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Lay images out in the plane by their features in one or two networks (Figure 8), and measure how classes keep apart.

    Example:

      fer visualize tsne data/ferplus -w runs/btn -w runs/without-cba
    """
    from fercli.explain.tsne import Tsne

    _run(
        Tsne(feature=feature, perplexity=perplexity, seed=seed),
        _Told(
            data, weights, names or (), folder, split, images or (), count, seed, out, device, overwrite, json, quiet
        ),
    )


@app.command("attention", short_help="Which images of a batch lend one attention, class by class.")
def attention(
    data: Data,
    *,
    weights: Network,
    top: Annotated[int, typer.Option("--top", min=1, help="Batch mates to show for each class.")] = 12,
    names: Names = None,
    folder: Folder = None,
    split: Split = "test",
    images: Images = None,
    count: Annotated[int | None, _count(64, "Images in the batch, the one looked at included")] = None,
    seed: Seed = 0,
    out: Out = None,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show, for an image in a batch, which other images lent it attention, per class, with faces and labels.

    Example:

      fer visualize attention data/ferplus -w runs/ferplus-btn-compact --image fer0033423.png
    """
    from fercli.explain.attention import BatchAttention

    _run(
        BatchAttention(top=top),
        _Told(
            data, weights, names or (), folder, split, images or (), count, seed, out, device, overwrite, json, quiet
        ),
    )


@dataclass(frozen=True)
class _Told:
    """The options that every figure has."""

    data: str
    weights: Sequence[str]
    names: Sequence[str]
    folder: Path | None
    split: Literal["train", "val", "test"]
    images: Sequence[str]
    count: int | None
    seed: int
    out: Path | None
    device: str
    overwrite: bool
    json: bool
    quiet: bool


def _run(figure: Figure, told: _Told) -> None:
    from fercli.explain.visualize import visualize

    with console.progress(figure.name, quiet=told.quiet) as progress:
        result = visualize(
            figure,
            told.weights,
            told.data,
            told.out or Path("runs") / figure.name,
            folder=told.folder,
            split=told.split,
            images=told.images,
            count=told.count,
            names=told.names,
            seed=told.seed,
            device=told.device,
            overwrite=told.overwrite,
            progress=progress,
        )
    if told.json:
        console.json_line(result)
    else:
        _show(result, quiet=told.quiet)


def _show(result: VisualizeResult, *, quiet: bool) -> None:
    console.show("\n".join(str(result.folder / name) for name in result.files))
    for line in () if quiet else (*result.networks, *result.remarks):
        console.say(line)
