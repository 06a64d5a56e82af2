"""Around the step: rates and decay by group, greys, averaged weights."""

from __future__ import annotations

import pytest
import torch

from fercli.config.model import InputConfig
from fercli.config.presets import MODELS
from fercli.config.training import TrainConfig
from fercli.models.btn import BTN
from fercli.train.ema import Ema
from fercli.train.loop import make_optimizer, set_learning_rate, to_unit


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


def test_to_unit__grey_is_itu_601_in_every_channel():
    crop = torch.tensor([255, 0, 51], dtype=torch.uint8).view(1, 3, 1, 1)
    grey = to_unit(crop, InputConfig(colour="grey"))
    # 0.299 + 0.114 * 0.2
    torch.testing.assert_close(grey.flatten(), torch.full((3,), 0.3218), atol=1e-6, rtol=0)


def test_ema__forgets_its_start_and_copies_counters():
    model = torch.nn.BatchNorm1d(1)
    ema = Ema(model, decay=0.999)
    with torch.no_grad():
        model.weight.fill_(3.0)
    model.num_batches_tracked.fill_(7)
    ema.update(model)
    # first step: decay min(0.999, 2 / 11), so weight = 1 * 2/11 + 3 * 9/11
    torch.testing.assert_close(ema.state["weight"], torch.tensor([2 / 11 + 27 / 11]))
    assert int(ema.state["num_batches_tracked"]) == 7


def test_make_optimizer__gives_adam_the_recipes_numbers():
    # the official code parses betas and weight decay and passes neither on
    recipe = TrainConfig(betas=(0.8, 0.9), eps=1e-6, weight_decay=0.25)
    optimizer = make_optimizer(BTN(MODELS["btn-tiny"], 3), recipe)
    assert {(group["betas"], group["eps"]) for group in optimizer.param_groups} == {((0.8, 0.9), 1e-6)}
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.0, 0.25}
