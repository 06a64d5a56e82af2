"""`fer train`: a data set and a recipe to weights with their card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import options

if TYPE_CHECKING:
    from fercli.progress import TrainEvent
    from fercli.steps.train import TrainResult
    from fercli.store.runs import RunConfig


def train(
    dataset: Annotated[
        str | None, typer.Argument(help="Data set name (rafdb, ferplus, ...) or a folder train|val|test/CLASS/*.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Folder of a data set given by name [data/NAME].")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder [runs/DATASET-MODEL].")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Model preset; left out: the recipe's own.")] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Training recipe; left out: the data set's own.")
    ] = None,
    init: Annotated[
        list[str] | None,
        typer.Option(
            "--init", metavar="FILE", help="Backbone or whole weights to start from; can be given many times."
        ),
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Start without a trained landmark branch (it stays random).")
    ] = False,
    images: options.Images = None,
    noise: options.Noise = 0.0,
    noise_seed: options.NoiseSeed = 0,
    relabel: Annotated[
        Path | None,
        typer.Option(
            "--relabel", metavar="CSV", help="New labels of training images: a csv with the columns path and new_label."
        ),
    ] = None,
    settings: options.Settings = None,
    list_settings: Annotated[
        bool, typer.Option("--list-settings", help="Print every setting with its value, and do nothing else.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run of the same command.")
    ] = False,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that read pictures.")] = 0,
    licence: Annotated[str, typer.Option("--licence", help="Licence of the weights, for their card.")] = "",
    note: Annotated[
        list[str] | None,
        typer.Option("--note", metavar="TEXT", help="What users of the weights must know, for their card; repeatable."),
    ] = None,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a Batch Transformer Network and leave weights, card, csv log and checkpoint in a run folder.

    Example:

      fer train rafdb --data ~/rafdb/basic --init ir50.safetensors --init mobilefacenet.safetensors
    """
    from fercli.cli import console
    from fercli.cli.starting import chosen_presets, refuse_random_landmarks
    from fercli.core.settings import override
    from fercli.errors import UsageError
    from fercli.labels import SCHEMAS
    from fercli.store.datasets.changes import change, checked_changes
    from fercli.store.runs import RunConfig as Told

    if dataset is None and not list_settings:
        raise UsageError(
            "train needs a data set", fix=f"fer train NAME, or fer train FOLDER; names: {', '.join(SCHEMAS)}"
        )
    name = dataset or ""
    model_config, recipe_config = chosen_presets(name, model, recipe)
    changes = checked_changes(images=images, noise=noise, noise_seed=noise_seed, relabel=relabel)
    told = Told(
        changes=changes,
        dataset=name,
        data=None if data is None else str(data),
        model=model_config,
        train=recipe_config,
        init=tuple(init or ()),
    )
    told = override(told, list(settings or ()), groups=("model", "train"))
    if list_settings:
        _show_settings(told)
        return
    from fercli.devices import resolve_device
    from fercli.steps.train import train as run
    from fercli.store.datasets import open_dataset

    faces = change(open_dataset(name, data), changes)
    refuse_random_landmarks(told, from_scratch=from_scratch)
    folder = out if out is not None else Path("runs") / f"{Path(name).resolve().name}-{told.model.preset}"
    if not quiet:
        train_counts = faces.counts("train")
        console.say(f"{faces.name}: {sum(train_counts.values())} training images, classes {', '.join(faces.labels)}")
        console.say(
            f"{told.model.preset}, recipe {told.train.recipe}, on {resolve_device(device)}; run folder {folder}"
        )
    with _live(quiet=quiet) as report:
        result = run(
            faces,
            folder,
            config=told,
            device=device,
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            licence=licence,
            notes=note or (),
            report=report,
        )
    console.json_line(result) if json else _show_result(result)


def _show_settings(config: RunConfig) -> None:
    from fercli.cli import console
    from fercli.core.settings import leaves_of

    for group in (config.model, config.train):
        console.show("\n".join(f"{name}={value}" for name, value in leaves_of(group).items()))


@contextmanager
def _live(*, quiet: bool) -> Iterator[Callable[[TrainEvent], None]]:
    """A bar for the epoch under way and a line per finished epoch, on stderr."""
    from fercli.cli import console
    from fercli.progress import StepProgress

    with console.progress("train", quiet=quiet) as bar:

        def report(event: TrainEvent) -> None:
            if isinstance(event, StepProgress):
                note = (
                    f"epoch {event.epoch}/{event.epochs}  loss {event.loss:.3f}  accuracy {event.accuracy:.1%}  "
                    f"{event.images_per_s:.0f} images/s  {_duration(event.seconds_left)} left"
                )
                bar(event.step, event.steps, note)
            elif not quiet:
                console.say(
                    f"epoch {event.epoch}: loss {event.loss:.3f}, train {event.train_accuracy:.1%}, "
                    f"validation {event.val_accuracy:.2%} (mean class {event.val_mean_accuracy:.2%}), "
                    f"{_duration(event.seconds)}" + (", best so far" if event.best else "")
                )

        yield report


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _show_result(result: TrainResult) -> None:
    from fercli.cli import console

    rows = [
        (s.split, s.images, f"{s.accuracy:.2%}", f"{s.mean_accuracy:.2%}", f"{s.calibration_error:.2%}")
        for s in result.scores
    ]
    console.show(
        console.table(
            f"epoch {result.epoch}, selected by {result.selected_by}",
            ("split", "images", "accuracy", "mean class", "calibration error"),
            rows,
        )
    )
    console.show(
        f"weights: {result.weights}\nnext: fer eval {result.weights} DATA    fer export --onnx --weights {result.weights}"
    )
