"""What `fer train` and `fer ablate` start from: the presets a data set gets, and a landmark branch that is not random."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fercli.config.model import BtnConfig
    from fercli.config.training import TrainConfig
    from fercli.weights.run_folder import RunConfig


def chosen_presets(dataset: str, model: str | None, recipe: str | None) -> tuple[BtnConfig, TrainConfig]:
    """The paper's data sets get the paper's model and recipe, everything else the compact ones."""
    from fercli.config.presets import RECIPES, model_preset
    from fercli.config.presets import recipe as recipe_preset

    chosen = recipe or (dataset if dataset in RECIPES else "compact")
    return model_preset(model or ("btn-compact" if chosen == "compact" else "btn-base")), recipe_preset(chosen)


def refuse_random_landmarks(told: RunConfig, *, from_scratch: bool) -> None:
    """WeightsError unless an --init-from file holds a landmark branch, or the user insists on a random one."""
    from fercli.errors import WeightsError
    from fercli.train.starting_weights import has_landmarks

    if not from_scratch and not has_landmarks(told.init):
        raise WeightsError(
            "the landmark branch stays frozen in training, and no --init-from file holds a trained one",
            fix=f"--init-from {'fer-compact' if told.model.preset == 'btn-compact' else 'mobilefacenet'} "
            "(fer weights pull, fer convert and fer distill bring landmark branches), or --from-scratch",
        )
