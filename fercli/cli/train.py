"""`fer train`: a data set and a recipe to weights with their card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fercli.cli import options

if TYPE_CHECKING:
    from fercli.progress import EpochReport, TrainEvent
    from fercli.train.run import TrainResult
    from fercli.train.seeds import SeedsResult
    from fercli.weights.run_folder import RunConfig

STARVED = 0.1  # share of the time spent waiting for pictures from which on a run says so


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
            "--init-from", metavar="FILE|NAME", help="Backbone or whole weights to start from; can be given many times."
        ),
    ] = None,
    teachers: Annotated[
        list[str] | None,
        typer.Option(
            "--teacher",
            metavar="FILE|NAME",
            help="Trained weights whose answers on the training images make loss.teacher of the targets; repeatable.",
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
    seeds: Annotated[
        str | None,
        typer.Option(
            "--seeds", metavar="N,N,...", help="Train once per seed, in OUT/seed-N, and report mean and spread."
        ),
    ] = None,
    workers: options.ReadingWorkers = None,
    save_every: Annotated[
        float,
        typer.Option("--save-every", metavar="SECONDS", min=0, help="Time between checkpoints inside an epoch."),
    ] = 240.0,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write events for TensorBoard as well, into OUT/events.")
    ] = False,
    licence: Annotated[str, typer.Option("--licence", help="Licence of the weights, for their card.")] = "",
    note: Annotated[
        list[str] | None,
        typer.Option("--note", metavar="TEXT", help="What users of the weights must know, for their card; repeatable."),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="CSV",
            help="Manifest of fer data check whose hash the run keeps; left out: NAME.manifest.csv if there is one.",
        ),
    ] = None,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a Batch Transformer Network and leave weights, card, csv log and checkpoint in a run folder.

    Example:

      fer train rafdb --data ~/rafdb/basic --init-from ir50.safetensors --init-from mobilefacenet.safetensors
    """
    from fercli.cli import console
    from fercli.cli.starting import chosen_presets, refuse_random_landmarks
    from fercli.config.labels import SCHEMAS
    from fercli.config.settings import override
    from fercli.data.changes import change, checked_changes
    from fercli.errors import UsageError
    from fercli.weights.run_folder import RunConfig as Told

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
        teachers=tuple(teachers or ()),
    )
    told = override(told, list(settings or ()), groups=("model", "train"))
    if list_settings:
        _show_settings(told)
        return
    from fercli.data.open import open_dataset
    from fercli.system.devices import process_rank
    from fercli.train.command import train as run
    from fercli.train.seeds import train_seeds

    place = process_rank()
    quiet = quiet or (place is not None and place[0] > 0)  # under torchrun the first process talks for all
    faces = change(open_dataset(name, data), changes)
    refuse_random_landmarks(told, from_scratch=from_scratch)
    folder = out if out is not None else Path("runs") / f"{Path(name).resolve().name}-{told.model.preset}"
    if not quiet:
        train_counts = faces.counts("train")
        console.say(f"{faces.name}: {sum(train_counts.values())} training images, classes {', '.join(faces.labels)}")
        processes = f"{place[1]} processes" if place is not None else device
        console.say(f"{told.model.preset}, recipe {told.train.recipe}, on {processes}; run folder {folder}")
    with _live(quiet=quiet) as report:
        how: dict[str, Any] = {
            "device": device,
            "workers": workers,
            "resume": resume,
            "overwrite": overwrite,
            "save_every_s": save_every,
            "tensorboard": tensorboard,
            "manifest": manifest,
            "licence": licence,
            "notes": note or (),
            "report": report,
        }
        result: TrainResult | SeedsResult
        if seeds is None:
            result = run(faces, folder, config=told, **how)
        else:
            result = train_seeds(faces, folder, seeds=_seeds(seeds), config=told, **how)
    if place is not None and place[0] > 0:
        return
    console.json_line(result) if json else _show_result(result)


def _seeds(text: str) -> tuple[int, ...]:
    from fercli.errors import UsageError

    words = [word.strip() for word in text.split(",")]
    if not all(word.isdigit() for word in words) or len(set(words)) < len(words):
        raise UsageError(f"--seeds {text!r} is not a list of different whole numbers", fix="--seeds 0,1,2")
    return tuple(map(int, words))


def _show_settings(config: RunConfig) -> None:
    from fercli.cli import console
    from fercli.config.settings import leaves_of

    for group in (config.model, config.train):
        console.show("\n".join(f"{name}={value}" for name, value in leaves_of(group).items()))


@contextmanager
def _live(*, quiet: bool) -> Iterator[Callable[[TrainEvent], None]]:
    """A bar for the epoch under way and a line per finished epoch, on stderr."""
    from fercli.cli import console
    from fercli.progress import StepProgress, TeacherProgress, TrainNote

    with console.progress("train", quiet=quiet) as bar:

        def report(event: TrainEvent) -> None:
            if isinstance(event, StepProgress):
                note = (
                    f"epoch {event.epoch}/{event.epochs}  loss {event.loss:.3f}  accuracy {event.accuracy:.1%}  "
                    f"{event.images_per_s:.0f} images/s  {_duration(event.seconds_left)} left"
                )
                bar(event.step, event.steps, note)
            elif isinstance(event, TeacherProgress):
                bar(event.done, event.total, f"asking {event.teacher}")
            elif isinstance(event, TrainNote):
                console.warn(event.what)
            elif not quiet:
                console.say(epoch_line(event))
                if event.epoch == 1 and event.data_wait > STARVED:
                    console.warn(
                        f"{event.data_wait:.0%} of the time went into waiting for pictures: --workers N reads more"
                    )

        yield report


def epoch_line(event: EpochReport) -> str:
    """A finished epoch in one line, with what was measured."""
    parts = [f"epoch {event.epoch}: loss {event.loss:.3f}", f"train {event.train_accuracy:.1%}"]
    if event.val_accuracy is not None:
        parts.append(f"validation {event.val_accuracy:.2%} (mean class {event.val_mean_accuracy:.2%})")
    if event.test_accuracy is not None:
        parts.append(f"test {event.test_accuracy:.2%} (mean class {event.test_mean_accuracy:.2%})")
    parts.append(f"{event.images_per_s:.0f} images/s, {_duration(event.seconds)}")
    return ", ".join(parts) + (", best so far" if event.best else "")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _show_result(result: TrainResult | SeedsResult) -> None:
    from fercli.cli import console
    from fercli.train.seeds import SeedsResult as Seeds

    if isinstance(result, Seeds):
        _show_seeds(result)
        return
    rows = [
        (
            chosen.protocol,
            chosen.epoch,
            score.split,
            score.images,
            f"{score.accuracy:.2%}",
            f"{score.mean_accuracy:.2%}",
            f"{score.calibration_error:.2%}",
        )
        for chosen in result.protocols
        for score in chosen.scores
    ]
    columns = ("selection", "epoch", "split", "images", "accuracy", "mean class", "calibration error")
    console.show(console.table(None, columns, rows))
    by = "; ".join(f"{chosen.protocol}: by {chosen.selected_by}" for chosen in result.protocols)
    stages = ", ".join(
        f"{name} {_duration(seconds)} ({result.peak_gib[name]:.1f} GiB)" for name, seconds in result.seconds.items()
    )
    console.show(f"selected {by}\ntime and memory: {stages}")
    console.show(
        f"weights: {result.weights}\nnext: fer eval {result.weights} DATA    fer export --onnx --weights {result.weights}"
    )


def _show_seeds(result: SeedsResult) -> None:
    from fercli.cli import console

    def with_spread(mean: float, sd: float | None) -> str:
        return f"{100 * mean:.2f}" + ("" if sd is None else f" +- {100 * sd:.2f}")

    rows = [
        (
            spread.protocol,
            spread.split,
            spread.images,
            with_spread(spread.mean, spread.sd),
            with_spread(spread.mean_class, spread.mean_class_sd),
            " ".join(f"{100 * value:.2f}" for value in spread.accuracy),
        )
        for spread in result.spread
    ]
    columns = ("selection", "split", "images", "accuracy (%)", "mean class (%)", "each seed's accuracy (%)")
    seeds = ", ".join(str(run.seed) for run in result.runs)
    console.show(console.table(f"seeds {seeds}: mean and standard deviation", columns, rows))
    console.show(f"runs: {result.folder}")
