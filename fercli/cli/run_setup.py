"""The configuration of a run, from the options that `fer train` and `fer ablate` share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli.options import MODEL

if TYPE_CHECKING:
    from fercli.config.model import BtnConfig
    from fercli.config.training import TrainConfig
    from fercli.data.dataset import Dataset
    from fercli.data.training_changes import TrainingChanges
    from fercli.train.saved_config import SavedConfig
    from fercli.weights.run_folder import RunConfig

Model = Annotated[
    str | None,
    typer.Option("--model", help="Model preset (default: the recipe's own).", rich_help_panel=MODEL),
]
Recipe = Annotated[
    str | None,
    typer.Option("--recipe", help="Training recipe (default: the data set's own).", rich_help_panel=MODEL),
]
InitFrom = Annotated[
    list[str] | None,
    typer.Option(
        "--init-from",
        metavar="FILE|NAME",
        help="Weights to start from, of a backbone or a whole model; repeatable.",
        rich_help_panel=MODEL,
    ),
]
FromScratch = Annotated[
    bool,
    typer.Option(
        "--from-scratch",
        help="Start the parts that no --init-from file has from random weights; the landmark branch keeps them: it is not trained.",
        rich_help_panel=MODEL,
    ),
]


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE|DIR",
        help="Settings of an earlier run: its folder, or a .json, .toml or .yaml file with any part of its config.json. "
        "--set changes single ones.",
        rich_help_panel=MODEL,
    ),
]


def check_names(model: str | None, recipe: str | None, settings: Sequence[str] | None) -> None:
    """Raise UsageError for an unknown preset, recipe or setting, before the data set is opened."""
    from fercli.config.model import BtnConfig
    from fercli.config.presets import model_preset
    from fercli.config.presets import recipe as recipe_preset
    from fercli.config.settings import check_settings
    from fercli.config.training import TrainConfig

    if model is not None:
        model_preset(model)
    if recipe is not None:
        recipe_preset(recipe)
    check_settings((BtnConfig, TrainConfig), settings or ())


def run_config(
    dataset: str,
    *,
    data: Path | None,
    schema: str | None = None,
    model: str | None,
    recipe: str | None,
    init: Sequence[str] | None,
    teachers: Sequence[str] | None = None,
    changes: TrainingChanges,
    settings: Sequence[str] | None,
    saved: SavedConfig | None = None,
) -> RunConfig:
    """Return the run that the options describe, over those of an earlier one; UsageError for unknown presets and settings.

    schema: what the data set was recognised as; without it `dataset` is the name of one.
    """
    from fercli.config.settings import override
    from fercli.data.training_changes import TrainingChanges
    from fercli.errors import UsageError
    from fercli.weights.run_folder import RunConfig

    if saved is not None and (model or recipe):
        option = "--model" if model else "--recipe"
        raise UsageError(f"{option} and --config both choose the settings", fix=f"leave out {option}, or --config")
    preset, recipe = (saved.preset, saved.recipe) if saved else (model, recipe)
    model_config, train_config = presets_for(schema or dataset, preset, recipe)
    config = RunConfig(
        dataset=dataset,
        data=None if data is None else str(data),
        model=model_config,
        train=train_config,
        init=tuple(init or (saved.init if saved else ())),
        teachers=tuple(teachers or (saved.teachers if saved else ())),
        changes=saved.changes if saved and changes == TrainingChanges() else changes,
    )
    return override(saved.apply(config) if saved else config, list(settings or ()), groups=("model", "train"))


def presets_for(schema: str, model: str | None, recipe: str | None) -> tuple[BtnConfig, TrainConfig]:
    """Return the paper's model and recipe for the paper's data sets, the compact ones for everything else."""
    from fercli.config.presets import RECIPES, model_preset, with_recipe
    from fercli.config.presets import recipe as recipe_preset

    recipe_name = recipe or (schema if schema in RECIPES else "compact")
    model_name = model or ("btn-compact" if recipe_name in ("compact", "btn-plus") else "btn-base")
    return with_recipe(model_preset(model_name), recipe_name), recipe_preset(recipe_name)


def reason_of_recipe(schema: str, recipe: str | None, saved: SavedConfig | None) -> str:
    """Return why the run has its recipe, for the first lines of a run."""
    from fercli.config.labels import SCHEMAS
    from fercli.config.presets import RECIPES

    if recipe is not None:
        return "--recipe"
    if saved is not None and saved.recipe is not None:
        return str(saved.path)
    if schema in RECIPES:
        return f"the data set is recognised as {schema}"
    known = (
        f"{schema} is not in the paper" if schema in SCHEMAS else "the folder has no layout of a data set of the paper"
    )
    return f"the paper's recipes are for {', '.join(name for name in RECIPES if name in SCHEMAS)}; {known}"


def starting_weights(
    config: RunConfig, *, from_scratch: bool, settings: Sequence[str] | None, quiet: bool
) -> RunConfig:
    """Check that every pretrained part has weights, take over their cards' values, and print both.

    Raises: WeightsError for a part without weights, UsageError for a setting that contradicts a card.
    """
    from fercli.cli import console
    from fercli.train.starting_parts import describe_start, require_parts, values_from_cards

    require_parts(config.init, config.model, from_scratch=from_scratch)
    given = [setting.partition("=")[0].strip() for setting in settings or ()]
    model, taken = values_from_cards(config.model, config.init, given=given)
    if not quiet:
        console.say(describe_start(config.init))
        if taken:
            console.say(f"settings from the card of {taken[0].file}: {', '.join(map(str, taken))}")
    return replace(config, model=model)


def warn_about_saved(saved: SavedConfig, config: RunConfig, fingerprint: str | None) -> None:
    """Warn where the data or the starting weights differ from those of the saved run."""
    from fercli.cli import console
    from fercli.system.digest import file_sha256
    from fercli.weights.files import TORCH_SUFFIX
    from fercli.weights.find import find_weights

    if saved.fingerprint is not None and fingerprint != saved.fingerprint:
        console.warn(f"the data set differs from that of {saved.path}: other images, labels or changes")
    if saved.init == config.init and saved.init_sha256:
        hashes = tuple(file_sha256(find_weights(file, (TORCH_SUFFIX,))) for file in config.init)
        if hashes != saved.init_sha256:
            console.warn(f"the starting weights differ from those of {saved.path}: the files have changed")


def show_setup(config: RunConfig, dataset: Dataset, reason: str, *, quiet: bool) -> None:
    """Say, unless `quiet`, which model and recipe are used and why; warn about the classes of the data set."""
    from fercli.cli import console

    if not quiet:
        console.say(f"{config.model.preset}, recipe {config.train.recipe} ({reason})")
    warn_about_classes(dataset)


def warn_about_classes(dataset: Dataset) -> None:
    """Warn about classes that have images to score and none to train on."""
    from fercli.cli import console
    from fercli.formatting import pluralize

    train = dataset.counts("train")
    for name, count in train.items():
        others = [(split, dataset.counts(split)[name]) for split in ("val", "test")]
        listed = " and ".join(pluralize(images, f"{split} image") for split, images in others if images)
        if not count and listed:
            console.warn(f"class {name} has no training image, but {listed}: all of them will be scored as wrong")
