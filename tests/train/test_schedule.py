"""Learning rate schedules."""

from __future__ import annotations

import pytest

from fercli.config.training import LossConfig, TrainConfig
from fercli.train.schedule import lr_factor, refined_share


def test_lr_factor__exponential_steps_once_an_epoch():
    config = TrainConfig()
    assert [lr_factor(config, epochs) for epochs in (0, 0.99, 1, 199)] == pytest.approx([1, 1, 0.98, 0.98**199])
    # 200 epochs end at 1.8 % of the start
    assert lr_factor(config, 199) == pytest.approx(0.018, abs=1e-3)


def test_lr_factor__cosine_falls_from_one_through_half_to_zero():
    config = TrainConfig(schedule="cosine", epochs=10)
    assert [lr_factor(config, epochs) for epochs in (0, 5, 10)] == pytest.approx([1, 0.5, 0])


def test_lr_factor__warmup_rises_to_the_full_rate():
    config = TrainConfig(schedule="cosine", epochs=10, warmup_epochs=2)
    assert lr_factor(config, 0) < 0.01
    assert lr_factor(config, 1) == pytest.approx(0.5, abs=0.01)
    assert lr_factor(config, 2) == pytest.approx(1)


def test_refined_share__begins_after_its_warmup():
    config = TrainConfig(loss=LossConfig(refine=0.5, refine_after=1.5))
    assert [refined_share(config, epochs) for epochs in (0, 1.49, 1.5, 10)] == [0, 0, 0.5, 0.5]
