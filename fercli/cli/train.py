"""`fer train`: train weights with their card from a data set and a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options, run_setup
from fercli.cli.train_display import live_report, show_result, show_seeds, show_settings
from fercli.config.defaults import SAVE_EVERY_S

if TYPE_CHECKING:
    from fercli.data.dataset import Dataset
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
    config_file: run_setup.Config = None,
    settings: options.Settings = None,
    list_settings: Annotated[
        bool,
        typer.Option(
            "--list-settings",
            help="Print every setting with its value, range, meaning and origin, and exit.",
            rich_help_panel=options.MODEL,
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
    loggers: Annotated[
        list[str] | None,
        typer.Option(
            "--logger",
            metavar="tensorboard|wandb|mlflow",
            help="Also log to TensorBoard, Weights & Biases or MLflow; repeatable. wandb and mlflow send the metrics and the "
            "configuration to the server that they are set up for.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
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
    from fercli.data.open import open_dataset
    from fercli.data.training_changes import apply_changes, parse_changes
    from fercli.errors import UsageError
    from fercli.train.loggers import logger_names
    from fercli.train.options import TrainOptions
    from fercli.train.saved_config import read_saved_config
    from fercli.weights.run_folder import folder_name

    saved = None if config_file is None else read_saved_config(config_file)
    if saved is not None:
        data = data or (None if saved.data is None or dataset is not None else Path(saved.data))
        dataset = dataset or saved.dataset
    if dataset is None and not list_settings:
        raise UsageError(
            "train needs a data set", fix=f"fer train NAME, or fer train FOLDER; names: {', '.join(SCHEMAS)}"
        )
    run_setup.check_names(model, recipe, settings)
    opened = None if list_settings and (dataset is None or dataset in SCHEMAS) else open_dataset(dataset or "", data)
    config = run_setup.run_config(
        dataset or "",
        data=data,
        schema=None if opened is None else opened.schema,
        model=model,
        recipe=recipe,
        init=init,
        teachers=teachers,
        changes=parse_changes(
            images=images, noise=noise, noise_seed=noise_seed, relabel=relabel, skip_unreadable=skip_unreadable
        ),
        settings=settings,
        saved=saved,
    )
    if opened is None or list_settings:
        show_settings(config.model, config.train, json=json)
        return
    silent = quiet or is_silent_process()
    config = run_setup.starting_weights(config, from_scratch=from_scratch, settings=settings, quiet=silent)
    loaded = apply_changes(opened, config.changes)
    if not is_silent_process():
        reason = run_setup.reason_of_recipe(opened.schema, recipe, saved)
        run_setup.show_setup(config, loaded, reason, quiet=quiet)
        if saved is not None:
            run_setup.warn_about_saved(saved, config, loaded.fingerprint)
    train_options = TrainOptions(
        device=device,
        workers=workers,
        resume=resume,
        overwrite=overwrite,
        save_every_s=save_every,
        loggers=logger_names([*(["tensorboard"] if tensorboard else []), *(loggers or [])]),
        manifest=manifest,
        licence=licence,
        notes=tuple(note or ()),
    )
    seed_list = None if seeds is None else options.parse_seeds(seeds)
    folder = out if out is not None else Path("runs") / f"{folder_name(loaded.name)}-{config.model.preset}"
    _train(loaded, config, train_options, folder, seeds=seed_list, json=json, quiet=silent)


def _train(
    dataset: Dataset,
    config: RunConfig,
    train_options: TrainOptions,
    folder: Path,
    *,
    seeds: tuple[int, ...] | None,
    json: bool,
    quiet: bool,
) -> None:
    """Run training, with one seed or several, and show the result."""
    from fercli.evaluate.result_file import read_result
    from fercli.formatting import pluralize
    from fercli.system.devices import process_rank
    from fercli.train.seeds import SeedsResult, train_seeds
    from fercli.train.train import train as run_training

    if not quiet:
        images = pluralize(sum(dataset.counts("train").values()), "training image")
        console.say(f"{dataset.name}: {images}, classes {', '.join(dataset.labels)}")
        process = process_rank()
        device = train_options.device if process is None else f"{process[1]} processes"
        console.say(f"on {device}; run folder {folder}")
    result: TrainResult | SeedsResult
    with live_report(quiet=quiet) as report:
        if seeds is None:
            result = run_training(dataset, folder, config=config, options=train_options, report=report)
        else:
            result = train_seeds(dataset, folder, seeds=seeds, config=config, options=train_options, report=report)
    if is_silent_process():
        return
    if isinstance(result, SeedsResult):
        console.json_line(result.as_dict()) if json else show_seeds(result)
    else:
        console.json_line(read_result(result.folder).as_dict()) if json else show_result(result)


def is_silent_process() -> bool:
    """Whether torchrun started this process as another than the first, which alone writes messages."""
    from fercli.system.devices import process_rank

    process = process_rank()
    return process is not None and process[0] > 0
