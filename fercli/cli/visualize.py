"""`fer visualize`: the paper's figures of trained networks, and the attention within a batch."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from fercli.cli import console, options
from fercli.cli.help_pages import GroupedCommand
from fercli.system.packages import TORCH, require

if TYPE_CHECKING:
    from fercli.explain.visualize import Figure, VisualizeResult

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


def _one_seed_each(weights: list[str]) -> list[str | None]:
    """The first seed of every folder with several."""
    return [options.one_seed(name) for name in weights]


_RUN_FOLDER = typer.Option(
    "--weights",
    "-w",
    metavar="RUN",
    help="Folder of a run (of several seeds, the first); weights files do not hold the batch transformer.",
    callback=_one_seed_each,
)


@dataclass(frozen=True)
class _Common:
    """The options that every figure has; `_figure` adds them to its command."""

    data: options.DataSet
    weights: Annotated[
        list[str],
        typer.Option(
            "--weights",
            "-w",
            metavar="FILE|RUN|NAME",
            help="Weights or the folder of a run (of several seeds, the first); give two to compare them.",
            callback=_one_seed_each,
        ),
    ]
    names: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="TEXT", help="Name of a network in the plot; once for each -w."),
    ] = None
    folder: options.DataFolder = None
    split: options.Split = "test"
    images: Annotated[
        list[str] | None,
        typer.Option(
            "--image",
            metavar="FILE",
            help="Name of an image of the data set; repeatable (default: sampled by --seed).",
        ),
    ] = None
    count: Annotated[int | None, typer.Option("--count", min=1)] = None
    seed: Annotated[int, options.seed_of("the choice of images, and of t-SNE")] = 0
    out: Annotated[Path | None, options.new_folder("the plot and its numbers (default: runs/FIGURE)")] = None
    device: options.Device = "auto"
    overwrite: options.Overwrite = False
    json: options.Json = False
    quiet: options.Quiet = False


def _figure(
    short_help: str, *, count: str, weights: typer.models.OptionInfo | None = None, needs: Sequence[str] = ()
) -> Callable[[Callable[..., Figure]], Callable[..., None]]:
    """Register a function that makes a figure as a command with its own options and the common ones.

    A parameter with the name of a common option gets its value.

    count: help of --count. weights: replaces the common --weights. needs: optional modules beside torch and matplotlib.
    """
    hints = get_type_hints(_Common, include_extras=True)
    hints["count"] = Annotated[int | None, typer.Option("--count", min=1, help=count)]
    if weights is not None:
        hints["weights"] = Annotated[list[str], weights]
    common = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[field.name],
            default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
        )
        for field in dataclasses.fields(_Common)
    ]

    def register(make: Callable[..., Figure]) -> Callable[..., None]:
        parameters = inspect.signature(make, eval_str=True, locals={"Figure": Any}).parameters
        own = {name: parameter for name, parameter in parameters.items() if name not in hints}

        @functools.wraps(make)
        def command(**values: Any) -> None:
            require(f"fer visualize {make.__name__}", (*TORCH, "matplotlib", *needs))
            figure = make(**{name: values[name] for name in parameters})
            _run(figure, _Common(**{name: value for name, value in values.items() if name not in own}))

        signature = [*common[:2], *own.values(), *common[2:]]
        command.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in signature}
        return app.command(make.__name__, cls=GroupedCommand, short_help=short_help)(command)

    return register


@app.callback()
def _visualize() -> None:
    """Draw the paper's Figures 4 to 8 for trained networks, and the attention within a batch.

    Example:

      fer visualize probabilities data/ferplus -w fer-compact
    """


@_figure(
    "Predicted probabilities of one or two networks (Figure 4).",
    count="Number of images, balanced over the classes (default: 8).",
)
def probabilities() -> Figure:
    """Draw the probabilities of every class from one or two networks, image by image (Figure 4), with a csv.

    Example:

      fer visualize probabilities data/ferplus -w runs/btn/best.safetensors -w runs/poster/best.safetensors
    """
    from fercli.explain.probabilities import Probabilities

    return Probabilities()


@_figure(
    "Score-CAM maps of layers over faces (Figures 5 to 7).",
    count="Number of images, balanced over the classes (default: 4).",
    needs=["pytorch_grad_cam"],
)
def scorecam(
    *,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layer",
            metavar="LAYER",
            help="F1 to F3, S1 to S3, mla, embed, vit.norm; repeatable (default: F1 F2 F3 S1 S2 S3).",
        ),
    ] = None,
    head: Annotated[
        Literal["vit", "cba"], typer.Option("--head", help="Weight the maps by P_VIT, or by P_CBA within the batch.")
    ] = "vit",
    target: Annotated[
        str, typer.Option("--target", help="The class whose score is used: label, predicted, or a class by name.")
    ] = "label",
) -> Figure:
    """Draw Score-CAM maps of layers of one or two networks over faces (Figures 5 to 7), with the arrays as npz.

    Example:

      fer visualize scorecam data/ferplus -w runs/btn -w runs/poster --layer S1 --layer S2 --layer S3
    """
    from fercli.explain.scorecam import ScoreCam

    return ScoreCam(head=head, target=target, **({"layers": tuple(layer)} if layer else {}))


@_figure(
    "t-SNE of the features of one or two networks (Figure 8).",
    count="Number of images (default: 1000).",
    needs=["sklearn"],
)
def tsne(
    *,
    feature: Annotated[
        Literal["logits", "cls"], typer.Option("--feature", help="P_VIT's logits, or the class token before the head.")
    ] = "logits",
    perplexity: Annotated[
        float, typer.Option("--perplexity", min=1, help="Effective number of neighbours; below the number of images.")
    ] = 30.0,
    seed: int,
) -> Figure:
    """Embed images in two dimensions by their features in one or two networks (Figure 8), and measure class separation.

    Example:

      fer visualize tsne data/ferplus -w runs/btn -w runs/without-cba
    """
    from fercli.explain.tsne import Tsne

    return Tsne(feature=feature, perplexity=perplexity, seed=seed)


@_figure(
    "Attention of an image to the others of its batch, by class.",
    count="Images in the batch, including the explained one (default: 64).",
    weights=_RUN_FOLDER,
)
def attention(
    *,
    top: Annotated[int, typer.Option("--top", min=1, help="Other images to show for each class.")] = 12,
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth",
            metavar="DATA",
            help="Data set with the same images and better labels: how much attention goes to wrong labels.",
        ),
    ] = None,
) -> Figure:
    """Show which other images of a batch an image attends to, by class, with faces and labels.

    Example:

      fer visualize attention data/ferplus -w runs/ferplus-btn-compact --image fer0033423.png
    """
    from fercli.explain.attention import BatchAttention

    return BatchAttention(top=top, truth=truth)


def _run(figure: Figure, common: _Common) -> None:
    from fercli.explain.visualize import VisualizeOptions, visualize

    choices = VisualizeOptions(
        split=common.split,
        images=common.images or (),
        count=common.count,
        names=common.names or (),
        seed=common.seed,
        device=common.device,
    )
    with console.progress(figure.name, quiet=common.quiet) as progress:
        result = visualize(
            figure,
            common.weights,
            common.data,
            common.out or Path("runs") / figure.name,
            choices,
            folder=common.folder,
            overwrite=common.overwrite,
            progress=progress,
        )
    if common.json:
        console.json_line(result)
    else:
        _show(result, quiet=common.quiet)


def _show(result: VisualizeResult, *, quiet: bool) -> None:
    console.show("\n".join(str(result.folder / name) for name in result.files))
    for line in () if quiet else (*result.networks, *result.remarks):
        console.say(line)
