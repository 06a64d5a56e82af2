"""Which epoch a protocol keeps, and how its weights are judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fercli.config.presets import MODELS, RECIPES
from fercli.config.training import LossConfig
from fercli.data.open import open_dataset
from fercli.train import run
from fercli.train.command import train
from fercli.train.selection import Selection
from fercli.train.state import State
from fercli.weights.run_folder import RunConfig, RunFolder


def test_update__of_equal_accuracies_takes_the_higher_mean_and_then_the_earlier(two_classes: Any, tmp_path: Path):
    faces = open_dataset(str(two_classes(train=2, test=1)))
    train = replace(RECIPES["compact"], epochs=5)
    config = RunConfig(dataset="faces", data=None, model=MODELS["btn-tiny"], train=train, init=())
    selection = Selection(faces, {"val": faces.split("train"), "test": ()}, RunFolder(tmp_path), config)
    state = State()
    chosen = []
    for epoch, scores in enumerate([(0.5, 0.5), (0.8, 0.6), (0.8, 0.7), (0.8, 0.7), (0.7, 0.9)], start=1):
        state.best = selection.update(state, epoch, {"val": scores})
        chosen.append((state.best["val"].epoch, state.best["last"].epoch))
    assert chosen == [(1, 1), (2, 2), (3, 3), (3, 4), (3, 5)]


def test_train__scores_weights_that_two_protocols_prefer_once(
    two_classes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    scored: list[int] = []
    usual = run.answers
    monkeypatch.setattr(run, "answers", lambda *given, **told: scored.append(len(given[1])) or usual(*given, **told))
    recipe = replace(RECIPES["compact"], epochs=1, batch_size=4, loss=LossConfig(soft_targets=False), validation=0.34)
    config = RunConfig(dataset="faces", data=None, model=MODELS["btn-tiny"], train=recipe, init=())
    result = train(open_dataset(str(two_classes(train=6, test=2))), tmp_path / "run", config=config, device="cpu")
    assert [(chosen.protocol, chosen.epoch) for chosen in result.protocols] == [("last", 1), ("val", 1)]
    assert len(scored) == 2  # validation images after the epoch, test images at the end
    assert result.protocols[0].scores == result.protocols[1].scores
