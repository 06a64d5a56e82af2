"""`fer train`: train weights with their card from a data set and a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import options, run_setup
from fercli.cli.train_display import live_report, show_result, show_seeds, show_settings
from fercli.config.defaults import SAVE_EVERY_S

if TYPE_CHECKING:
    from fercli.train.options import TrainOptions
    from fercli.train.result import TrainResult
    from fercli.weights.run_folder import RunConfig


def train(
    dataset: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="Data set name (rafdb, ferplus, ...) or a folder train|val|test/CLASS/*."),
    ] = None,
    data: options.DataFolder = None,
    images: options.Images = None,
    noise: options.Noise = 0.0,
    noise_seed: options.NoiseSeed = 0,
    skip_unreadable: options.SkipUnreadable = False,
    relabel: Annotated[
        Path | None,
        typer.Option(
            "--relabel",
            metavar="CSV",
            help="New labels of training images: a csv with the columns path and new_label.",
            rich_help_panel=options.DATA,
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="CSV",
            help="Manifest of fer data check whose hash the run keeps (default: NAME.manifest.csv if it exists).",
            rich_help_panel=options.DATA,
        ),
    ] = None,
    model: run_setup.Model = None,
    recipe: run_setup.Recipe = None,
    settings: options.Settings = None,
    list_settings: Annotated[
        bool,
        typer.Option(
            "--list-settings", help="Print every setting with its value and exit.", rich_help_panel=options.MODEL
        ),
    ] = False,
    init: run_setup.InitFrom = None,
    from_scratch: run_setup.FromScratch = False,
    teachers: Annotated[
        list[str] | None,
        typer.Option(
            "--teacher",
            metavar="FILE|NAME",
            help="Weights whose predictions are mixed into the training targets, by the share loss.teacher; repeatable.",
            rich_help_panel=options.MODEL,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue an interrupted run of the same command.", rich_help_panel=options.RUN),
    ] = False,
    seeds: Annotated[str | None, options.SEEDS] = None,
    save_every: Annotated[
        float,
        typer.Option(
            "--save-every",
            metavar="SECONDS",
            min=0,
            help="Time between checkpoints inside an epoch.",
            rich_help_panel=options.RUN,
        ),
    ] = SAVE_EVERY_S,
    device: options.Device = "auto",
    workers: options.ReadingWorkers = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Run folder (default: runs/DATA-MODEL).", rich_help_panel=options.OUTPUT),
    ] = None,
    overwrite: options.Overwrite = False,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Also write events for TensorBoard to OUT/events.", rich_help_panel=options.OUTPUT
        ),
    ] = False,
    licence: Annotated[
        str,
        typer.Option("--licence", help="Licence of the weights, for their card.", rich_help_panel=options.OUTPUT),
    ] = "",
    note: Annotated[
        list[str] | None,
        typer.Option(
            "--note",
            metavar="TEXT",
            help="What users of the weights must know, for their card; repeatable.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a Batch Transformer Network; write weights, card, csv log and checkpoint to a run folder.

    Example:

      fer train rafdb --data ~/rafdb/basic --init-from ir50.safetensors --init-from mobilefacenet.safetensors
    """
    from fercli.config.labels import SCHEMAS
    from fercli.data.training_changes import parse_changes
    from fercli.errors import UsageError
    from fercli.train.options import TrainOptions

    if dataset is None and not list_settings:
        raise UsageError(
            "train needs a data set", fix=f"fer train NAME, or fer train FOLDER; names: {', '.join(SCHEMAS)}"
        )
    config = run_setup.run_config(
        dataset or "",
        data=data,
        model=model,
        recipe=recipe,
        init=init,
        teachers=teachers,
        changes=parse_changes(
            images=images, noise=noise, noise_seed=noise_seed, relabel=relabel, skip_unreadable=skip_unreadable
        ),
        settings=settings,
    )
    if list_settings:
        show_settings(config.model, config.train)
        return
    train_options = TrainOptions(
        device=device,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
        save_every_s=save_every,
        tensorboard=tensorboard,
        manifest=manifest,
        licence=licence,
        notes=tuple(note or ()),
    )
    seed_list = None if seeds is None else options.parse_seeds(seeds)
    _train(config, train_options, out, seeds=seed_list, from_scratch=from_scratch, json=json, quiet=quiet)


def _train(
    config: RunConfig,
    train_options: TrainOptions,
    out: Path | None,
    *,
    seeds: tuple[int, ...] | None,
    from_scratch: bool,
    json: bool,
    quiet: bool,
) -> None:
    """Run training, with one seed or several, and show the result."""
    from fercli.cli import console
    from fercli.data.open import open_dataset
    from fercli.data.training_changes import apply_changes
    from fercli.evaluate.result_file import read_result
    from fercli.formatting import pluralize
    from fercli.system.devices import process_rank
    from fercli.train.seeds import SeedsResult, train_seeds
    from fercli.train.train import train as run_training

    process = process_rank()
    silent_process = process is not None and process[0] > 0  # under torchrun only the first process writes messages
    quiet = quiet or silent_process
    dataset = apply_changes(
        open_dataset(config.dataset, None if config.data is None else Path(config.data)), config.changes
    )
    run_setup.require_landmark_weights(config, from_scratch=from_scratch)
    folder = out if out is not None else Path("runs") / f"{Path(config.dataset).resolve().name}-{config.model.preset}"
    if not quiet:
        images = pluralize(sum(dataset.counts("train").values()), "training image")
        console.say(f"{dataset.name}: {images}, classes {', '.join(dataset.labels)}")
        device = train_options.device if process is None else f"{process[1]} processes"
        console.say(f"{config.model.preset}, recipe {config.train.recipe}, on {device}; run folder {folder}")
    result: TrainResult | SeedsResult
    with live_report(quiet=quiet) as report:
        if seeds is None:
            result = run_training(dataset, folder, config=config, options=train_options, report=report)
        else:
            result = train_seeds(dataset, folder, seeds=seeds, config=config, options=train_options, report=report)
    if silent_process:
        return
    if isinstance(result, SeedsResult):
        console.json_line(result.as_dict()) if json else show_seeds(result)
    else:
        console.json_line(read_result(result.folder).as_dict()) if json else show_result(result)
