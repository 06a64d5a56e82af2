"""Several seeds: one run each, mean and standard deviation over them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fercli.config.training import SamConfig, TrainConfig
from fercli.data.dataset import Dataset
from fercli.progress import TrainEvent
from fercli.train.options import TrainOptions
from fercli.train.seeds import train_seeds
from fercli.train.train import train
from fercli.weights.run_folder import RunConfig

CPU = TrainOptions(device="cpu")
ConfigOf = Callable[..., RunConfig]
StopAfter = Callable[[int], Callable[[TrainEvent], None]]


@pytest.mark.slow
def test_train_seeds__gives_mean_and_deviation_and_continues_where_it_stopped(
    config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path
):
    config = config_of(replace(recipe, epochs=1, sam=SamConfig(rho=0.0)))
    result = train_seeds(faces, tmp_path / "runs", seeds=(0, 3), config=config, options=CPU)
    assert [run.folder.name for run in result.runs] == ["seed-0", "seed-3"]
    [scores] = [each for each in result.scores if (each.protocol, each.split) == ("val", "test")]
    first, second = scores.accuracies
    assert scores.accuracy.mean == pytest.approx((first + second) / 2)
    assert scores.accuracy.sd == pytest.approx(abs(first - second) / 2**0.5)
    alone = train(faces, tmp_path / "alone", config=replace(config, train=replace(config.train, seed=3)), options=CPU)
    assert alone.scores == result.runs[1].scores
    again = train_seeds(faces, tmp_path / "runs", seeds=(0, 3, 4), config=config, options=replace(CPU, resume=True))
    assert again.runs[0].scores == result.runs[0].scores
    assert len(json.loads((tmp_path / "runs" / "seeds.json").read_text())["runs"]) == 3
