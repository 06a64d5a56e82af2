"""Crops normalised on the device are those normalised by NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fercli.config.model import InputConfig
from fercli.weights.preprocess import to_input
from fercli.weights.torch_input import input_tensor

CROPS = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)


@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_input_tensor__equals_to_input(colour):
    config = InputConfig(size=32, colour=colour)
    tensor = input_tensor(CROPS, config, torch.device("cpu"))
    np.testing.assert_allclose(tensor.numpy(), to_input(CROPS, config), atol=1e-6)


def test_input_tensor__refuses_another_shape():
    with pytest.raises(ValueError, match="crops must be uint8"):
        input_tensor(CROPS.astype(np.float32), InputConfig(size=32), torch.device("cpu"))


@pytest.mark.gpu
def test_input_tensor__is_the_same_on_cuda():
    tensor = input_tensor(CROPS, InputConfig(size=32), torch.device("cuda"))
    assert tensor.device.type == "cuda"
    np.testing.assert_allclose(tensor.cpu().numpy(), to_input(CROPS, InputConfig(size=32)), atol=1e-6)
