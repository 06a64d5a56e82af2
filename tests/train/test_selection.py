"""Selection protocols: which epoch each prefers, and when training stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fercli.config.presets import MODELS, RECIPES
from fercli.config.training import LossConfig, SamConfig, TrainConfig
from fercli.data.dataset import Dataset
from fercli.data.loader import CropReader
from fercli.data.open import open_dataset
from fercli.errors import UsageError
from fercli.models.btn import BTN
from fercli.progress import TrainEvent
from fercli.train import scoring
from fercli.train.options import TrainOptions
from fercli.train.selection import Selection
from fercli.train.state import TrainingState
from fercli.train.train import train
from fercli.train.training_data import training_data
from fercli.weights.files import load_weights
from fercli.weights.run_folder import RunConfig

CPU = TrainOptions(device="cpu")
ConfigOf = Callable[..., RunConfig]
StopAfter = Callable[[int], Callable[[TrainEvent], None]]


def test_train__without_held_out_images_takes_the_last_epoch_and_all_of_train(
    config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path
):
    recipe = replace(recipe, epochs=1, validation=0.0, select="last")
    result = train(faces, tmp_path / "run", config=config_of(recipe), options=CPU)
    assert [chosen.protocol for chosen in result.protocols] == ["last"]
    assert result.temperature == 1.0
    assert load_weights(result.weights)[1].data["train_images"] == 12
    with pytest.raises(UsageError, match="no validation images"):
        train(faces, tmp_path / "other", config=config_of(replace(recipe, select="val")), options=CPU)
    with pytest.raises(UsageError, match="patience"):
        train(faces, tmp_path / "other", config=config_of(replace(recipe, patience=1)), options=CPU)
    assert not (tmp_path / "other").exists()


def test_train__stops_when_patience_ends(config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path):
    # a learning rate of 0 never gets better than its first epoch
    recipe = replace(recipe, epochs=9, patience=2, lr=0.0, ema=0.0, sam=SamConfig(rho=0.0))
    result = train(faces, tmp_path / "run", config=config_of(recipe), options=CPU)
    assert (result.epoch, result.epochs) == (1, 3)
    assert result.selected_by.endswith("best of 3 epochs")
    assert load_weights(result.weights)[1].scores["selected_by"] == result.selected_by


def test_update__of_equal_accuracies_takes_the_higher_mean_and_then_the_earlier(two_classes: Callable[..., Path]):
    faces = open_dataset(str(two_classes(train=2, test=1)))
    recipe = replace(RECIPES["compact"], epochs=5, validation=0.5)
    config = RunConfig(dataset="faces", data=None, model=MODELS["btn-tiny"], train=recipe, init=())
    selection = Selection(training_data(faces, config), config)
    state = TrainingState()
    chosen = []
    for epoch, scores in enumerate([(0.5, 0.5), (0.8, 0.6), (0.8, 0.7), (0.8, 0.7), (0.7, 0.9)], start=1):
        state.best = selection.update(state, epoch, {"val": scores})
        chosen.append((state.best["val"].epoch, state.best["last"].epoch))
    assert chosen == [(1, 1), (2, 2), (3, 3), (3, 4), (3, 5)]


def test_train__scores_weights_that_two_protocols_prefer_once(
    two_classes: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    scored: list[int] = []
    usual = scoring.predict_crops

    def predict(model: BTN, reader: CropReader, *args: TrainConfig, **options: Any) -> scoring.SplitLogits:
        scored.append(len(reader.crops))
        return usual(model, reader, *args, **options)

    monkeypatch.setattr(scoring, "predict_crops", predict)
    recipe = replace(RECIPES["compact"], epochs=1, batch_size=4, loss=LossConfig(soft_targets=False), validation=0.34)
    config = RunConfig(dataset="faces", data=None, model=MODELS["btn-tiny"], train=recipe, init=())
    result = train(open_dataset(str(two_classes(train=6, test=2))), tmp_path / "run", config=config, options=CPU)
    assert [(chosen.protocol, chosen.epoch) for chosen in result.protocols] == [("last", 1), ("val", 1)]
    assert len(scored) == 2  # validation images after the epoch, test images at the end
    assert result.protocols[0].scores == result.protocols[1].scores
