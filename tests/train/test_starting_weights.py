"""Loading parts and whole weights into a new network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fercli.config.presets import MODELS
from fercli.config.settings import override
from fercli.config.templates import template
from fercli.errors import WeightsError
from fercli.models.btn import BTN
from fercli.train.starting_weights import load_starting_weights
from fercli.weights.card import WeightsCard
from fercli.weights.files import PartCard, save_part, save_weights


def test_start_from__fills_a_branch_and_refuses_one_that_does_not_fit(tmp_path: Path):
    torch.manual_seed(1)
    donor, model = BTN(MODELS["btn-tiny"], 3), BTN(MODELS["btn-tiny"], 3)
    part = {k: v for k, v in donor.state_dict().items() if k.startswith("landmark_backbone.")}
    path = tmp_path / "landmarks.safetensors"
    save_part(path, part, PartCard("landmark_backbone", {"from": "a test"}))
    [loaded] = load_starting_weights(model, [str(path)])
    assert (loaded["part"], loaded["file"], loaded["provenance"]) == (
        "landmark_backbone", "landmarks.safetensors", {"from": "a test"}
    )  # fmt: skip
    assert all(torch.equal(model.state_dict()[name], value) for name, value in part.items())
    with pytest.raises(WeightsError, match="does not match"):
        load_starting_weights(BTN(MODELS["btn-compact"], 3), [str(path)])


def test_start_from__resizes_the_positions_of_a_model_that_saw_another_size(tmp_path: Path):
    small = override(MODELS["btn-tiny"], ["input.size=32", "backbone_size=32"])
    before = BTN(small, 3, training_parts=False)
    path = tmp_path / "small.safetensors"
    card = WeightsCard("small", "1", ("neutral", "happiness", "anger"), "toy", template("arcface"), small)
    save_weights(path, before.state_dict(), card)
    model = BTN(MODELS["btn-tiny"], 3)
    (loaded,) = load_starting_weights(model, [str(path)])
    assert not loaded["left_out"]
    assert sorted(loaded["resized"]) == [
        *(f"cross.{level}.attention.bias_table" for level in range(3)),
        "vit.pos_embed",
    ]
    assert torch.equal(model.vit.head.weight, before.vit.head.weight)
    assert torch.equal(model.vit.pos_embed[:, 0], before.vit.pos_embed[:, 0])
