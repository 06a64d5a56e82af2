"""When training is finished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from fercli.config.training import TrainConfig
from fercli.data.dataset import Dataset
from fercli.train.components import build_components
from fercli.train.loop import is_finished
from fercli.train.process_group import ProcessGroup
from fercli.train.state import BestEpoch, TrainingState
from fercli.train.training_data import training_data
from fercli.weights.run_folder import RunConfig


@pytest.mark.parametrize(
    ("epoch", "best", "patience", "finished"),
    [(9, 9, 0, False), (10, 1, 0, True), (5, 3, 3, False), (6, 3, 3, True), (6, None, 3, False)],
)
def test_is_finished__after_the_last_epoch_or_when_patience_ends(
    faces: Dataset,
    recipe: TrainConfig,
    config_of: Callable[..., RunConfig],
    epoch: int,
    best: int | None,
    patience: int,
    finished: bool,
):
    config = config_of(replace(recipe, epochs=10, patience=patience))
    data = training_data(faces, config)
    components = build_components(data, config, group=ProcessGroup(), device=torch.device("cpu"))
    state = TrainingState(epoch=epoch, best={} if best is None else {"val": BestEpoch(best, 0.5, 0.5)})
    assert is_finished(state, components) == finished
