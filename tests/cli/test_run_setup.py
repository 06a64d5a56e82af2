"""The configuration of a run from the options of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.cli.run_setup import presets_for, require_landmark_weights, run_config
from fercli.data.training_changes import TrainingChanges
from fercli.errors import UsageError, WeightsError


@pytest.mark.parametrize(
    ("dataset", "model", "recipe", "expected"),
    [
        ("rafdb", None, None, ("btn-base", "rafdb")),  # the paper's
        ("affectnet8", None, None, ("btn-base", "affectnet8")),
        ("data/ferplus", None, None, ("btn-compact", "compact")),
        ("data/ferplus", None, "rafdb", ("btn-base", "rafdb")),
        ("rafdb", "btn-tiny", None, ("btn-tiny", "rafdb")),
    ],
)
def test_presets_for__are_the_papers_for_its_data_sets(
    dataset: str, model: str | None, recipe: str | None, expected: tuple[str, str]
):
    model_config, train_config = presets_for(dataset, model, recipe)
    assert (model_config.preset, train_config.recipe) == expected


def test_run_config__applies_settings_to_model_and_recipe():
    arguments = {"data": Path("d"), "model": "btn-tiny", "recipe": None, "init": None, "changes": TrainingChanges()}
    config = run_config("faces", **arguments, settings=["lr=0.5", "cba.pe=learned"])
    assert (config.train.lr, config.model.cba.pe, config.data, config.init) == (0.5, "learned", "d", ())
    with pytest.raises(UsageError, match="no setting 'learning'"):
        run_config("faces", **arguments, settings=["learning=1"])


def test_require_landmark_weights__names_weights_that_fit_the_model():
    arguments = {"data": None, "recipe": None, "init": None, "changes": TrainingChanges(), "settings": None}
    for model, weights in (("btn-compact", "fer-compact"), ("btn-base", "mobilefacenet")):
        config = run_config("faces", model=model, **arguments)
        require_landmark_weights(config, from_scratch=True)
        with pytest.raises(WeightsError) as caught:
            require_landmark_weights(config, from_scratch=False)
        assert f"--init-from {weights} " in caught.value.fix
