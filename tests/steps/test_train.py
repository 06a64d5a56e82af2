"""A whole small run: what it leaves, that resuming is exact, and what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fercli.core.settings import override
from fercli.errors import DataError, RefusedError, UsageError, WeightsError
from fercli.media.images import write_image
from fercli.presets import MODELS, RECIPES, LossConfig, SamConfig, TrainConfig
from fercli.progress import StepProgress, TrainEvent
from fercli.steps.train import train
from fercli.store.checkpoints import load_checkpoint, save_checkpoint
from fercli.store.datasets import Dataset, open_dataset
from fercli.store.runs import RunConfig
from fercli.store.starting_weights import has_landmarks, start_from
from fercli.store.weights import PartCard, load_weights, save_part

RECIPE = replace(
    RECIPES["compact"], epochs=2, batch_size=6, ema=0.9, loss=LossConfig(soft_targets=False), sam=SamConfig(rho=0.05)
)


@pytest.fixture
def faces(tmp_path: Path) -> Dataset:
    """Dark and bright noise in two classes: 12 to train on, 4 to test on, no validation split."""
    draw = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 2)):
        for name, low in (("happiness", 0), ("sadness", 120)):
            for number in range(count):
                picture = draw.integers(low, low + 120, (48, 48, 3), dtype=np.uint8)
                write_image(tmp_path / "faces" / split / name / f"{number}.png", picture)
    return open_dataset(str(tmp_path / "faces"))


def told(recipe: TrainConfig = RECIPE) -> RunConfig:
    return RunConfig(dataset="faces", data=None, model=MODELS["btn-tiny"], train=recipe, init=())


def test_train__leaves_weights_with_card_log_and_scores(faces: Dataset, tmp_path: Path):
    result = train(faces, tmp_path / "run", config=told(replace(RECIPE, validation=0.34)), device="cpu")
    state, card = load_weights(result.weights)
    assert card.labels == ("happiness", "sadness")
    assert card.model == MODELS["btn-tiny"]
    assert card.temperature == pytest.approx(result.temperature)
    assert not [name for name in state if name.startswith("batch.")]
    assert [score.split for score in result.scores] == ["val", "test"]
    # 34 % of six images a class are two: eight are left to train on
    assert [score.images for score in result.scores] == [4, 4]
    assert card.data["train_images"] == 8
    assert "34%" in result.selected_by
    with (tmp_path / "run" / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["train"]["epochs"] == 2
    assert json.loads((tmp_path / "run" / "result.json").read_text())["epoch"] == result.epoch


class KilledError(Exception):
    """Stands for a killed process."""


def stop_after(steps: int) -> Callable[[TrainEvent], None]:
    done = []

    def report(event: TrainEvent) -> None:
        if isinstance(event, StepProgress):
            done.append(event)
            if len(done) == steps:
                raise KilledError

    return report


@pytest.mark.parametrize("steps", [1, 2])
def test_train__resumed_in_mid_run_ends_with_the_same_bits(
    faces: Dataset, tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("fercli.steps.train.CHECKPOINT_SECONDS", 0.0)  # a checkpoint after every step
    whole = train(faces, tmp_path / "whole", config=told(), device="cpu")
    with pytest.raises(KilledError):
        train(faces, tmp_path / "cut", config=told(), device="cpu", report=stop_after(steps))
    resumed = train(faces, tmp_path / "cut", config=told(), device="cpu", resume=True)
    first, second = load_weights(whole.weights)[0], load_weights(resumed.weights)[0]
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert resumed.scores == whole.scores
    last = [load_checkpoint(tmp_path / name / "checkpoint.pt")["model"] for name in ("whole", "cut")]
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])


def test_train__refuses_an_existing_run_and_other_settings_on_resume(faces: Dataset, tmp_path: Path):
    recipe = replace(RECIPE, epochs=1)
    train(faces, tmp_path / "run", config=told(recipe), device="cpu")
    with pytest.raises(RefusedError, match="already holds a run"):
        train(faces, tmp_path / "run", config=told(recipe), device="cpu")
    with pytest.raises(UsageError, match=r"train\.lr was 0\.001, now 0\.5"):
        train(faces, tmp_path / "run", config=told(replace(recipe, lr=0.5)), device="cpu", resume=True)
    with pytest.raises(DataError, match="no run"):
        train(faces, tmp_path / "other", config=told(recipe), device="cpu", resume=True)


def test_train__a_loss_that_is_not_finite_ends_the_run_and_says_what_to_do(faces: Dataset, tmp_path: Path):
    wild = replace(RECIPE, lr=1e30, optimizer="sgd", schedule="constant", warmup_epochs=0.0, grad_clip=0.0)
    with pytest.raises(RefusedError, match="loss became") as caught:
        train(faces, tmp_path / "run", config=told(wild), device="cpu")
    assert "lr" in (caught.value.fix or "")


def test_start_from__fills_a_branch_and_refuses_one_that_does_not_fit(tmp_path: Path):
    from fercli.models.btn import BTN

    torch.manual_seed(1)
    donor, model = BTN(MODELS["btn-tiny"], 3), BTN(MODELS["btn-tiny"], 3)
    part = {k: v for k, v in donor.state_dict().items() if k.startswith("landmark_backbone.")}
    path = tmp_path / "landmarks.safetensors"
    save_part(path, part, PartCard("landmark_backbone", {"from": "a test"}))
    assert has_landmarks([str(path)])
    [brought] = start_from(model, [str(path)])
    assert (brought["part"], brought["file"], brought["provenance"]) == (
        "landmark_backbone", "landmarks.safetensors", {"from": "a test"}
    )  # fmt: skip
    assert all(torch.equal(model.state_dict()[name], value) for name, value in part.items())
    with pytest.raises(WeightsError, match="does not fit"):
        start_from(BTN(MODELS["btn-compact"], 3), [str(path)])


def test_load_checkpoint__refuses_what_is_no_checkpoint(tmp_path: Path):
    with pytest.raises(WeightsError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(WeightsError, match="not a readable checkpoint"):
        load_checkpoint(tmp_path / "text.pt")
    save_checkpoint(tmp_path / "odd.pt", {"other": 1})
    with pytest.raises(WeightsError, match="not a checkpoint of fer train"):
        load_checkpoint(tmp_path / "odd.pt")


def test_train__mla_only_with_a_head_of_its_own_trains_that_head(faces: Dataset, tmp_path: Path):
    # Table 5's "MLA only": no batch transformer, so no BT and CBA losses, but MLA has parameters and a loss
    loss = LossConfig(soft_targets=False, bt=0, cba=0)
    config = replace(
        told(replace(RECIPE, epochs=1, loss=loss)), model=override(MODELS["btn-tiny"], ["ablate.mla_only=aux_head"])
    )
    train(faces, tmp_path / "run", config=config, device="cpu")
    state = load_checkpoint(tmp_path / "run" / "checkpoint.pt")["model"]
    assert [name for name in state if name.startswith("mla.")]
    assert [name for name in state if name.startswith("aux_head.")]
    with pytest.raises(UsageError, match="losses are on"):
        train(faces, tmp_path / "other", config=replace(config, train=RECIPE), device="cpu")


def test_train__a_start_that_fails_leaves_the_earlier_run_alone(faces: Dataset, tmp_path: Path):
    recipe = replace(RECIPE, epochs=1)
    earlier = train(faces, tmp_path / "run", config=told(recipe), device="cpu")
    with pytest.raises(WeightsError):
        train(
            faces,
            tmp_path / "run",
            config=replace(told(recipe), init=("nowhere.safetensors",)),
            device="cpu",
            overwrite=True,
        )
    assert load_weights(earlier.weights)[1].scores


@pytest.mark.parametrize("setting", ["train.epochs=0", "train.batch_size=-1", "train.lr=-1", "train.validation=2"])
def test_settings__that_no_run_can_have_are_refused(setting: str):
    with pytest.raises(UsageError, match=setting.partition("=")[0].partition(".")[2]):
        override(told(), [setting])
