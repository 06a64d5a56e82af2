"""Every path keeps its tensors on the model's device: run on a fake CUDA device, where a CPU tensor raises."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from fercli.config.presets import model_preset
from fercli.models.btn import BTN

pytestmark = pytest.mark.slow

PRESETS = ["btn-tiny", "btn-compact", "btn-base"]


@pytest.fixture(autouse=True)
def _no_values(monkeypatch):
    """Fake tensors have no values, which this initialiser reads."""
    monkeypatch.setattr(nn.init, "trunc_normal_", lambda tensor, **_: tensor)


def _on_gpu(model):
    """Move parameters and buffers, as `.to` does (which cannot swap fake ones)."""
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            setattr(module, name, nn.Parameter(parameter.detach().to("cuda"), parameter.requires_grad))
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.to("cuda"))
    return model


def _images(config, device="cuda"):
    return torch.empty(2, 3, config.input.size, config.input.size, device=device)


@pytest.mark.parametrize("name", PRESETS)
def test_forward__stays_on_the_gpu(name):
    config = model_preset(name)
    with FakeTensorMode():
        logits = _on_gpu(BTN(config, 7, training_parts=False)).eval()(_images(config))
    assert logits.device.type == "cuda"
    assert logits.shape == (2, 7)


@pytest.mark.parametrize("name", PRESETS)
def test_forward_batch__stays_on_the_gpu(name):
    config = model_preset(name)
    with FakeTensorMode():
        output = _on_gpu(BTN(config, 7)).train().forward_batch(_images(config))
    assert output.mix is not None
    assert {part.device.type for part in (output.p_vit, *output.mix)} == {"cuda"}


def test_forward__a_cpu_tensor_raises():
    config = model_preset("btn-tiny")
    with FakeTensorMode(), pytest.raises(RuntimeError, match="device"):
        _on_gpu(BTN(config, 7)).eval()(_images(config, device="cpu"))
