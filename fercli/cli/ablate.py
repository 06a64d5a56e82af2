"""`fer ablate`: which part of the network does what, over several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import console, options
from fercli.cli.train import epoch_line
from fercli.train.ablation.studies import MlaOnly, RateRule, StudyName

if TYPE_CHECKING:
    from fercli.data.dataset import Dataset
    from fercli.train.ablation.ablate import AblationResult, Cell, Trainer
    from fercli.weights.run_folder import RunConfig


def ablate(
    study: Annotated[StudyName, typer.Argument(help="Table 5 (components), 6 (lambda), 7 (batch-size) or 8 (losses).")],
    dataset: Annotated[str, typer.Argument(help="Data set name (rafdb, ferplus, ...) or the folder of one.")],
    *,
    data: Annotated[Path | None, typer.Option("--data", help="Folder of a data set given by name [data/NAME].")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of tables and runs [runs/ablate-DATASET-MODEL].")
    ] = None,
    seeds: Annotated[str, typer.Option("--seeds", metavar="N|A,B,C", help="How many seeds from 0, or which.")] = "5",
    values: Annotated[
        str | None,
        typer.Option("--values", metavar="A,B|A:B:STEP", help="Other values than the paper's of lambda or batch size."),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option("--rows", metavar="A,B", help="Only these rows, and the one that they are compared with."),
    ] = None,
    mla_only: Annotated[
        MlaOnly, typer.Option("--mla-only", help="What the row MLA of components is; the paper does not say.")
    ] = "vit_replace",
    lr_rule: Annotated[
        RateRule, typer.Option("--lr-rule", help="How the learning rate follows the batch size; the paper's is fixed.")
    ] = "fixed",
    images: options.Images = None,
    noise: options.Noise = 0.0,
    noise_seed: options.NoiseSeed = 0,
    model: Annotated[str | None, typer.Option("--model", help="Model preset; left out: the recipe's own.")] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Training recipe; left out: the data set's own.")
    ] = None,
    init: Annotated[
        list[str] | None,
        typer.Option(
            "--init-from", metavar="FILE", help="Weights that every run starts from; can be given many times."
        ),
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Start without a trained landmark branch (it stays random).")
    ] = False,
    settings: options.Settings = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs, which of them are done, and do nothing else.")
    ] = False,
    workers: options.ReadingWorkers = None,
    device: options.Device = "auto",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train every row of one of the paper's ablations with several seeds; leave a table with intervals and tests.

    Runs that are done are not done again: the same command goes on where it was stopped, and more seeds add to it.

    Example:

      fer ablate components data/ferplus --init-from fer-compact --seeds 5 --images 5000 --set epochs=6
    """
    from dataclasses import replace

    from fercli.cli.starting import chosen_presets, refuse_random_landmarks
    from fercli.config.settings import override
    from fercli.data.changes import change, checked_changes
    from fercli.data.open import open_dataset
    from fercli.train.ablation import ablate as step
    from fercli.train.ablation.studies import only, parse_seeds, parse_values
    from fercli.train.ablation.studies import study as build
    from fercli.weights.run_folder import RunConfig

    changes = checked_changes(images=images, noise=noise, noise_seed=noise_seed, relabel=None)
    model_config, recipe_config = chosen_presets(dataset, model, recipe)
    told = RunConfig(
        dataset=dataset,
        data=None if data is None else str(data),
        model=model_config,
        train=recipe_config,
        init=tuple(init or ()),
        changes=changes,
    )
    told = override(told, list(settings or ()), groups=("model", "train"))
    table = build(
        study,
        values=() if values is None else parse_values(values),
        mla_only=mla_only,
        rate_rule=lr_rule,
        batch_size=told.train.batch_size,
        lr=told.train.lr,
    )
    if rows is not None:
        table = only(table, rows.split(","))
    refuse_random_landmarks(told, from_scratch=from_scratch)
    faces = change(open_dataset(dataset, data), changes)
    told = replace(told, fingerprint=faces.fingerprint)
    folder = out if out is not None else Path("runs") / f"ablate-{Path(dataset).resolve().name}-{told.model.preset}"
    cells = step.plan(table, folder, config=told, seeds=parse_seeds(seeds))
    if dry_run:
        _show_plan(cells)
        return
    if not quiet:
        left = sum(not cell.done for cell in cells)
        console.say(f"{faces.name}: {len(cells)} runs, {left} to do; they lie in {folder / 'runs'}")
    with console.progress("ablate", quiet=quiet) as progress:
        result = step.ablate(
            table,
            folder,
            config=told,
            seeds=parse_seeds(seeds),
            trainer=_trainer(faces, device=device, workers=workers, quiet=quiet),
            data=faces.name,
            schema=faces.schema,
            progress=progress,
        )
    console.json_line(result) if json else _show(result)


def _trainer(faces: Dataset, *, device: str, workers: int | None, quiet: bool) -> Trainer:
    """What trains one run: the step behind `fer train`, which the study does not know."""
    from fercli.progress import EpochReport, TrainEvent, TrainNote
    from fercli.train.command import train
    from fercli.weights.run_folder import RunFolder

    def report(event: TrainEvent) -> None:
        if isinstance(event, EpochReport) and not quiet:
            console.say(f"  {epoch_line(event)}")
        elif isinstance(event, TrainNote):
            console.warn(event.what)

    def run(config: RunConfig, folder: Path) -> None:
        if not quiet:
            console.say(str(folder))
        resume = RunFolder(folder).config.is_file()
        train(faces, folder, config=config, device=device, workers=workers, resume=resume, report=report)

    return run


def _show_plan(cells: tuple[Cell, ...]) -> None:
    rows = [(c.row, c.seed, "done" if c.done else "to do", c.folder.name, " ".join(c.settings)) for c in cells]
    console.show(console.table(None, ("row", "seed", "state", "folder", "settings"), rows))


def _show(result: AblationResult) -> None:
    rows = [tuple(row.plain().values())[:1] + tuple(row.plain().values())[2:] for row in result.rows]
    names = [name.replace("_", " ") for name in result.rows[0].plain() if name != "settings"]
    title = (
        f"{result.study} on {result.data}, {result.images} {result.split} images, against {result.baseline}; percent"
    )
    console.show(console.table(title, names, rows))
    console.show("\n".join(str(path) for path in result.files))
