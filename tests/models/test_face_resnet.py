"""The face ResNet: a block of stride 2 by hand, and the widths that it can have."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fercli.config.presets import MODELS
from fercli.errors import UsageError
from fercli.models.face_resnet import FaceResNet, FaceResNetBlock


def test_face_resnet_block__shortcut_of_stride_2_is_the_average_with_zeros_for_new_channels():
    block = FaceResNetBlock(1, 2, stride=2).eval()
    torch.nn.init.zeros_(block.conv2.weight)  # the residual is zero, the shortcut remains
    x = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]])
    torch.testing.assert_close(block(x), torch.tensor([[[[4.0]], [[0.0]]]]))


def test_face_resnet_block__convolution_of_stride_2_is_centred_on_odd_pixels():
    block = FaceResNetBlock(1, 1, stride=2).eval()
    torch.nn.init.zeros_(block.conv1.weight)
    torch.nn.init.zeros_(block.conv2.weight)
    with torch.no_grad():
        block.conv1.weight[0, 0, 1, 1] = 1.0  # the centre of the kernel
        block.conv2.weight[0, 0, 1, 1] = 1.0
    x = torch.arange(16.0).view(1, 1, 4, 4)
    average = torch.nn.functional.avg_pool2d(x, 2)
    residual = x[..., 1::2, 1::2] / (1 + 1e-5)  # two batch norms at their start, each divides by sqrt(1 + eps)
    torch.testing.assert_close(block(x), average + residual)


def test_face_resnet__without_entry_blocks_keeps_the_width_of_the_stem():
    with pytest.raises(UsageError, match=r"32 channels, image\.widths begins with 64"):
        FaceResNet(replace(MODELS["btn-compact"].image, entry=0))
