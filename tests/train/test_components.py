"""The parts of a run, built from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from fercli.config.settings import override
from fercli.config.training import TrainConfig
from fercli.data.dataset import Dataset
from fercli.errors import UsageError
from fercli.train.components import Components, build_components
from fercli.train.process_group import ProcessGroup
from fercli.train.training_data import training_data
from fercli.weights.run_folder import RunConfig


def build(faces: Dataset, config: RunConfig) -> Components:
    return build_components(training_data(faces, config), config, group=ProcessGroup(), device=torch.device("cpu"))


def test_build_components__gives_the_same_weights_for_the_same_seed(
    faces: Dataset, recipe: TrainConfig, config_of: Callable[..., RunConfig]
):
    first, again, other = (build(faces, config_of(replace(recipe, seed=seed))).model.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], value) for name, value in again.items())
    assert not torch.equal(first["vit.head.weight"], other["vit.head.weight"])


def test_build_components__has_averaged_weights_and_sam_only_if_the_recipe_does(
    faces: Dataset, recipe: TrainConfig, config_of: Callable[..., RunConfig]
):
    with_both = build(faces, config_of())
    assert with_both.ema is not None
    assert with_both.step.sam is not None
    without = build(faces, config_of(replace(recipe, ema=0.0, sam=replace(recipe.sam, rho=0.0))))
    assert (without.ema, without.step.sam) == (None, None)


def test_build_components__refuses_losses_of_a_part_that_the_model_does_not_have(
    faces: Dataset, config_of: Callable[..., RunConfig]
):
    config = config_of()
    config = replace(config, model=override(config.model, ["ablate.mla_only=vit_replace"]))
    with pytest.raises(UsageError, match="without the batch transformer") as caught:
        build(faces, config)
    assert "loss.bt=0" in caught.value.fix
