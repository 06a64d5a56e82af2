"""`fer ablate`: train the rows of an ablation study with several seeds and compare them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options, run_setup
from fercli.cli.train_display import live_report
from fercli.errors import UsageError
from fercli.formatting import pluralize
from fercli.progress import RunStart, TrainEvent
from fercli.train.ablation.studies import LrRule, MlaOnly, StudyName

if TYPE_CHECKING:
    from fercli.data.dataset import Dataset
    from fercli.train.ablation.ablate import AblationResult, StudyRun, Trainer
    from fercli.train.options import TrainOptions
    from fercli.weights.run_folder import RunConfig

STUDY = "Study"  # panel of the help


def ablate(
    study: Annotated[
        StudyName,
        typer.Argument(
            metavar="STUDY",
            help="Table 5 (components), 6 (lambda), 7 (batch-size) or 8 (losses); attention: variants of class batch attention.",
        ),
    ],
    dataset: Annotated[
        str, typer.Argument(metavar="DATA", help="Data set name (rafdb, ferplus, ...) or the folder of one.")
    ],
    *,
    seeds: Annotated[str, options.SEEDS] = "5",
    rows: Annotated[
        str | None,
        typer.Option("--rows", metavar="A,B", help="Train only these rows and the baseline.", rich_help_panel=STUDY),
    ] = None,
    values: Annotated[
        str | None,
        typer.Option(
            "--values",
            metavar="A,B|A:B:STEP",
            help="Values of lambda or batch size (default: the paper's).",
            rich_help_panel=STUDY,
        ),
    ] = None,
    mla_only: Annotated[
        MlaOnly,
        typer.Option(
            "--mla-only", help="Network of the row MLA, which the paper does not define.", rich_help_panel=STUDY
        ),
    ] = "vit_replace",
    lr_rule: Annotated[
        LrRule,
        typer.Option(
            "--lr-rule",
            help="How the learning rate depends on the batch size; in the paper it is fixed.",
            rich_help_panel=STUDY,
        ),
    ] = "fixed",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="List the runs and which of them are done, and exit.", rich_help_panel=STUDY),
    ] = False,
    data: options.DataFolder = None,
    images: options.Images = None,
    noise: options.Noise = 0.0,
    noise_seed: options.NoiseSeed = 0,
    skip_unreadable: options.SkipUnreadable = False,
    model: run_setup.Model = None,
    recipe: run_setup.Recipe = None,
    settings: options.Settings = None,
    init: run_setup.InitFrom = None,
    from_scratch: run_setup.FromScratch = False,
    device: options.Device = "auto",
    workers: options.ReadingWorkers = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder of tables and runs (default: runs/ablate-DATA-MODEL).",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train every row of an ablation study with several seeds; write a table with intervals and tests.

    Finished runs are not trained again: the same command continues an interrupted study, and more seeds extend it.

    Example:

      fer ablate components data/ferplus --init-from fer-compact --seeds 5 --images 5000 --set epochs=6
    """
    from fercli.data.open import open_dataset
    from fercli.data.training_changes import apply_changes, parse_changes
    from fercli.train.ablation import ablate as ablation
    from fercli.train.ablation.studies import build_study, select_rows
    from fercli.train.options import TrainOptions
    from fercli.weights.run_folder import folder_name

    run_setup.check_names(model, recipe, settings)
    opened = open_dataset(dataset, data)
    config = run_setup.run_config(
        dataset,
        data=data,
        schema=opened.schema,
        model=model,
        recipe=recipe,
        init=init,
        changes=parse_changes(
            images=images, noise=noise, noise_seed=noise_seed, relabel=None, skip_unreadable=skip_unreadable
        ),
        settings=settings,
    )
    table = build_study(
        study,
        values=() if values is None else parse_values(values),
        mla_only=mla_only,
        lr_rule=lr_rule,
        batch_size=config.train.batch_size,
        lr=config.train.lr,
    )
    if rows is not None:
        table = select_rows(table, rows.split(","))
    seed_list = options.parse_seeds(seeds)
    silent = quiet or dry_run
    config = run_setup.starting_weights(config, from_scratch=from_scratch, settings=settings, quiet=silent)
    loaded = apply_changes(opened, config.changes)
    if not dry_run:
        reason = run_setup.reason_of_recipe(opened.schema, recipe, None)
        run_setup.show_setup(config, loaded, reason, quiet=quiet)
    config = replace(config, fingerprint=loaded.fingerprint)
    folder = out if out is not None else Path("runs") / f"ablate-{folder_name(loaded.name)}-{config.model.preset}"
    runs = ablation.plan(table, folder, config=config, seeds=seed_list)
    if dry_run:
        _show_plan(runs)
        return
    if not quiet:
        to_do = sum(not run.done for run in runs)
        console.say(f"{loaded.name}: {pluralize(len(runs), 'run')}, {to_do} to do, in {folder / 'runs'}")
    to_train = [number for number, run in enumerate(runs) if not run.done]
    with live_report(quiet=quiet) as report:

        def progress(number: int, _total: int | None, name: str = "") -> None:
            if number in to_train:
                report(RunStart(to_train.index(number) + 1, len(to_train), name))

        result = ablation.ablate(
            table,
            folder,
            config=config,
            seeds=seed_list,
            trainer=_trainer(loaded, TrainOptions(device=device, workers=workers), report),
            data=loaded.name,
            schema=loaded.schema,
            progress=progress,
        )
    console.json_line(result) if json else _show(result)


def parse_values(text: str) -> tuple[float, ...]:
    """Return the value of --values: `16,32,64`, or `1:3:0.25` (first, last, step); UsageError for anything else."""
    try:
        if ":" not in text:
            values = tuple(float(part) for part in text.split(",") if part.strip())
            if not all(map(math.isfinite, values)):
                raise ValueError
            return values
        first, last, step = (float(part) for part in text.split(":"))
        if not all(map(math.isfinite, (first, last, step))) or step <= 0 or last < first:
            raise ValueError
        return tuple(round(first + number * step, 9) for number in range(int((last - first) / step + 1e-9) + 1))
    except ValueError as error:
        raise UsageError(f"--values {text}: neither a list nor first:last:step", fix="--values 1:3:0.25") from error


def _trainer(dataset: Dataset, train_options: TrainOptions, report: Callable[[TrainEvent], None]) -> Trainer:
    """A trainer of the study's runs, which resumes those that were interrupted."""
    from fercli.train.train import train
    from fercli.weights.run_folder import RunFolder

    def run(config: RunConfig, folder: Path) -> None:
        started = RunFolder(folder).config.is_file()
        train(dataset, folder, config=config, options=replace(train_options, resume=started), report=report)

    return run


def _show_plan(runs: tuple[StudyRun, ...]) -> None:
    rows = [
        (run.row, run.seed, "done" if run.done else "to do", run.folder.name, " ".join(run.settings)) for run in runs
    ]
    console.show(console.table(None, ("row", "seed", "state", "folder", "settings"), rows))


def _show(result: AblationResult) -> None:
    from fercli.train.ablation.table import collapsed_notes

    rows = [{name: value for name, value in row.to_csv_row().items() if name != "settings"} for row in result.rows]
    columns = [name.replace("_", " ") for name in rows[0]]
    images = pluralize(result.images, f"{result.split} image")
    title = f"{result.study} on {result.data}, {images}, baseline {result.baseline}; percent"
    console.show(console.table(title, columns, [tuple(row.values()) for row in rows]))
    for note in collapsed_notes(result.rows):
        console.warn(note)
    console.show("\n".join(str(path) for path in result.files))
