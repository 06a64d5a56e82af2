"""A frozen expert: its crop, its maps to the classes, and which heads it changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fercli.config.model import ExpertConfig
from fercli.config.presets import model_preset
from fercli.models.btn import BTN
from fercli.models.expert import Expert, bilinear_samples

CONFIG = replace(
    model_preset("btn-tiny"), conventions=("posed",), expert=ExpertConfig(heads=("posed",), crop=(0.1, 0.2, 0.9, 1.0))
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = BTN(CONFIG, 3, training_parts=False).eval()
    torch.nn.init.normal_(model.vit.head.weight)
    torch.nn.init.normal_(model.vit.convention_heads["posed"].weight)
    return model


def test_bilinear_samples__are_those_of_grid_sample():
    image = torch.rand(1, 1, 48, 48)
    rows, columns = bilinear_samples(0.2, 1.0, 48), bilinear_samples(0.1, 0.9, 48)
    steps = (torch.arange(112) + 0.5) / 112
    y, x = torch.meshgrid(2 * (0.2 + 0.8 * steps) - 1, 2 * (0.1 + 0.8 * steps) - 1, indexing="ij")
    grid = torch.stack([x, y], dim=-1)[None]
    expected = F.grid_sample(image, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(rows @ image @ columns.T, expected, atol=1e-5, rtol=0)


def test_expert__adds_mapped_log_probabilities_of_its_crop():
    torch.manual_seed(0)
    expert = Expert(CONFIG.expert, size=48, num_classes=3)
    seen = []
    expert.network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    images = torch.rand(2, 3, 48, 48)
    added = expert(images, "posed")
    assert seen[0].shape == (2, 3, 112, 112)
    assert 1 < seen[0].max() <= 255
    with torch.no_grad():
        logits = expert.network(seen[0])
    probabilities = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
    weight, bias = (expert.maps["posed"].state_dict()[part].numpy() for part in ("weight", "bias"))
    np.testing.assert_allclose(added.numpy(), np.log(probabilities) @ weight.T + bias, atol=1e-5)


def test_btn__adds_the_expert_to_the_heads_that_use_it_alone(model):
    images = torch.randn(2, 3, 48, 48)
    unit = images * torch.tensor(CONFIG.input.std).view(1, 3, 1, 1) + torch.tensor(CONFIG.input.mean).view(1, 3, 1, 1)
    calls = []
    model.expert.network.register_forward_hook(lambda *_: calls.append(1))
    with torch.inference_mode():
        model(images)
        assert calls == []
        posed = model(images, "posed")
        default, posed_too = model.forward_conventions(images)
        torch.testing.assert_close(default, model(images))
        torch.testing.assert_close(posed_too, posed)
        without = model.vit.convention_heads["posed"](model.vit.gated(model._tokens(model.levels(images))[0]))
        torch.testing.assert_close(posed, without + model.expert(unit, "posed"))
    assert not any(parameter.requires_grad for parameter in model.expert.parameters())


def test_config__refuses_an_expert_of_a_head_that_is_not_there():
    with pytest.raises(ValueError, match=r"expert\.heads names felt, which is not a head"):
        replace(CONFIG, expert=ExpertConfig(heads=("felt",)))
