"""Predictions of evaluation splits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from fercli.config.training import TrainConfig
from fercli.data.dataset import Dataset
from fercli.data.loader import CropReader
from fercli.train.components import build_components
from fercli.train.process_group import ProcessGroup
from fercli.train.scoring import Scorer, predict_crops
from fercli.train.training_data import training_data
from fercli.weights.run_folder import RunConfig, RunFolder


def test_predict_crops__is_the_same_in_small_batches(
    faces: Dataset, recipe: TrainConfig, config_of: Callable[..., RunConfig]
):
    data = training_data(faces, config_of())
    model = build_components(data, config_of(), group=ProcessGroup(), device=torch.device("cpu")).model
    reader = CropReader(data.train, device=torch.device("cpu"))
    whole, truth = predict_crops(model, reader, recipe, group=ProcessGroup())
    small = replace(recipe, batch_size=4, accumulate=4)  # one image at once
    single, _ = predict_crops(model, reader, small, group=ProcessGroup())
    np.testing.assert_allclose(single, whole, atol=1e-5)
    assert truth.tolist() == data.labels.tolist()


def test_scored_weights__are_the_averages_inside_and_the_trained_ones_afterwards(
    faces: Dataset, config_of: Callable[..., RunConfig], tmp_path: Path
):
    config = config_of()
    components = build_components(
        training_data(faces, config), config, group=ProcessGroup(), device=torch.device("cpu")
    )
    assert components.ema is not None
    bias = components.model.vit.head.bias
    average = components.ema.module.vit.head.bias
    with torch.no_grad():
        bias.fill_(1.0)
        average.fill_(2.0)
    with Scorer(components, RunFolder(tmp_path), workers=0).scored_weights():
        assert bias.tolist() == [2.0, 2.0]
    assert bias.tolist() == [1.0, 1.0]
