"""The configuration of a run, from the options that `fer train` and `fer ablate` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli.options import MODEL

if TYPE_CHECKING:
    from fercli.config.model import BtnConfig
    from fercli.config.training import TrainConfig
    from fercli.data.training_changes import TrainingChanges
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
        help="Start with a random landmark branch, which stays random because it is not trained.",
        rich_help_panel=MODEL,
    ),
]


def run_config(
    dataset: str,
    *,
    data: Path | None,
    model: str | None,
    recipe: str | None,
    init: Sequence[str] | None,
    teachers: Sequence[str] | None = None,
    changes: TrainingChanges,
    settings: Sequence[str] | None,
) -> RunConfig:
    """The run that the options describe; UsageError for unknown presets and settings."""
    from fercli.config.settings import override
    from fercli.weights.run_folder import RunConfig

    model_config, train_config = presets_for(dataset, model, recipe)
    config = RunConfig(
        dataset=dataset,
        data=None if data is None else str(data),
        model=model_config,
        train=train_config,
        init=tuple(init or ()),
        teachers=tuple(teachers or ()),
        changes=changes,
    )
    return override(config, list(settings or ()), groups=("model", "train"))


def presets_for(dataset: str, model: str | None, recipe: str | None) -> tuple[BtnConfig, TrainConfig]:
    """The paper's model and recipe for the paper's data sets, the compact ones for everything else."""
    from fercli.config.presets import RECIPES, model_preset
    from fercli.config.presets import recipe as recipe_preset

    recipe_name = recipe or (dataset if dataset in RECIPES else "compact")
    model_name = model or ("btn-compact" if recipe_name == "compact" else "btn-base")
    return model_preset(model_name), recipe_preset(recipe_name)


def require_landmark_weights(config: RunConfig, *, from_scratch: bool) -> None:
    """Raise WeightsError if no --init-from file has a landmark branch, unless --from-scratch is given."""
    from fercli.errors import WeightsError
    from fercli.train.starting_weights import has_landmarks

    if not from_scratch and not has_landmarks(config.init):
        raise WeightsError(
            "the landmark branch is not trained, and no --init-from file has weights for it",
            fix=f"--init-from {'fer-compact' if config.model.preset == 'btn-compact' else 'mobilefacenet'} "
            "(landmark branches: fer weights pull, fer convert, fer distill), or --from-scratch",
        )
