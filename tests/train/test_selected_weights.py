"""The weights of every selection protocol with their cards, scores and predictions."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercli.config.presets import RECIPES
from fercli.config.settings import override
from fercli.config.training import TrainConfig
from fercli.data.dataset import Dataset
from fercli.progress import TrainEvent
from fercli.train.options import TrainOptions
from fercli.train.selected_weights import assumed_shares
from fercli.train.train import train
from fercli.weights.files import load_weights
from fercli.weights.run_folder import RunConfig

CPU = TrainOptions(device="cpu")
ConfigOf = Callable[..., RunConfig]
StopAfter = Callable[[int], Callable[[TrainEvent], None]]


def test_train__reports_three_selection_protocols_under_their_own_names(
    config_of: ConfigOf, recipe: TrainConfig, faces: Dataset, tmp_path: Path
):
    result = train(faces, tmp_path / "run", config=config_of(replace(recipe, test_best=True)), options=CPU)
    by_protocol = {selected.protocol: selected for selected in result.protocols}
    assert list(by_protocol) == ["last", "val", "test_best"]
    assert json.loads((tmp_path / "run/result.json").read_text())["selection"] == "val-best"
    assert (by_protocol["last"].epoch, result.weights) == (2, tmp_path / "run" / "best.safetensors")
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    on_test = [float(row["test_accuracy"]) for row in rows]
    assert by_protocol["test_best"].epoch == 1 + on_test.index(max(on_test))
    assert "test split itself" in by_protocol["test_best"].selected_by
    for protocol, name in (("last", "last"), ("val", "best"), ("test_best", "test-best")):
        _, card = load_weights(tmp_path / "run" / f"{name}.safetensors")
        assert card.scores["selected_by"] == by_protocol[protocol].selected_by
        assert card.scores["selection"] == by_protocol[protocol].selection == {"best": "val-best"}.get(name, name)
        with (tmp_path / "run" / "predictions" / f"{name}-test.csv").open() as file:
            rows = list(csv.DictReader(file))
        hits = np.mean([row["truth"] == row["label"] for row in rows])
        [score] = [score for score in by_protocol[protocol].scores if score.split == "test"]
        assert (len(rows), hits) == (4, pytest.approx(score.accuracy))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], [0.8, 0.2]),
        (["loss.class_weight=0.5"], [2 / 3, 1 / 3]),  # the roots of 4 to 1
        (["loss.logit_adjustment=1.0"], [0.5, 0.5]),
        (["sampler=balanced", "balance=0.5"], [2 / 3, 1 / 3]),
    ],
)
def test_assumed_shares__are_those_of_the_images_less_what_training_balances(settings, expected):
    plain = ["loss.class_weight=0", "loss.logit_adjustment=0", "sampler=shuffle"]
    recipe = override(next(iter(RECIPES.values())), [*plain, *settings])
    shares = assumed_shares([80, 20], ("neutral", "anger"), recipe)
    assert list(shares.values()) == pytest.approx(expected)
    assert assumed_shares([80, 0], ("neutral", "anger"), recipe) == {}
