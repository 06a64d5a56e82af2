"""The recipe's optimizer: rates and decay by group, Adam's numbers."""

from __future__ import annotations

import pytest

from fercli.config.presets import MODELS
from fercli.config.training import TrainConfig
from fercli.models.btn import BTN
from fercli.train.optimizers import make_optimizer, set_learning_rate


def test_make_optimizer__gives_the_backbone_its_own_rate_and_spares_vectors_from_decay():
    recipe = TrainConfig(optimizer="adamw", lr=1e-3, backbone_lr=0.1, weight_decay=0.05)
    model = BTN(MODELS["btn-tiny"], 3)
    optimizer = make_optimizer(model, recipe)
    set_learning_rate(optimizer, 1e-3)
    by_id = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            assert id(parameter) not in by_id
            continue
        group = by_id[id(parameter)]
        assert group["lr"] == pytest.approx(1e-4 if name.startswith("image_backbone.") else 1e-3)
        assert group["weight_decay"] == (0.05 if parameter.ndim > 1 else 0.0)


def test_make_optimizer__gives_adam_the_recipes_numbers():
    # the official code parses betas and weight decay and passes neither on
    recipe = TrainConfig(betas=(0.8, 0.9), eps=1e-6, weight_decay=0.25)
    optimizer = make_optimizer(BTN(MODELS["btn-tiny"], 3), recipe)
    assert {(group["betas"], group["eps"]) for group in optimizer.param_groups} == {((0.8, 0.9), 1e-6)}
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.0, 0.25}
