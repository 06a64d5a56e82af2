"""A small training run: data set, recipe, configuration, and an interruption after some steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fercli.config.presets import MODELS, RECIPES
from fercli.config.training import LossConfig, SamConfig, TrainConfig
from fercli.data.dataset import Dataset
from fercli.data.open import open_dataset
from fercli.progress import StepProgress, TrainEvent
from fercli.weights.run_folder import RunConfig


@pytest.fixture
def faces(two_classes: Callable[..., Path]) -> Dataset:
    """12 images to train on, 4 to test on, no validation split."""
    return open_dataset(str(two_classes(train=6, test=2)))


@pytest.fixture
def recipe() -> TrainConfig:
    """Two epochs of two steps, with SAM and averaged weights; a third of the training images validates."""
    return replace(
        RECIPES["compact"],
        epochs=2,
        batch_size=6,
        ema=0.9,
        validation=0.34,
        loss=LossConfig(soft_targets=False),
        sam=SamConfig(rho=0.05),
    )


@pytest.fixture
def config_of(recipe: TrainConfig) -> Callable[..., RunConfig]:
    """The configuration of a run of btn-tiny by a recipe (default: the fixture `recipe`)."""

    def config(own: TrainConfig = recipe) -> RunConfig:
        return RunConfig(dataset="faces", data=None, model=MODELS["btn-tiny"], train=own, init=())

    return config


@pytest.fixture
def stop_after() -> Callable[[int], Callable[[TrainEvent], None]]:
    """A report that interrupts the run after the given number of steps."""

    def stop(steps: int) -> Callable[[TrainEvent], None]:
        reported = []

        def report(event: TrainEvent) -> None:
            if isinstance(event, StepProgress):
                reported.append(event)
                if len(reported) == steps:
                    raise KeyboardInterrupt

        return report

    return stop
