"""MobileFaceNet: sides and widths of its maps, and the points of its head."""

from __future__ import annotations

import pytest
import torch

from fercli.models.mobilefacenet import LandmarkNet, MobileFaceNet


@pytest.mark.parametrize(
    ("width", "channels"),
    [(1.0, (64, 128, 512)), (0.5, (32, 64, 256)), (0.25, (16, 32, 128)), (0.1, (8, 16, 48))],
)
def test_mobilefacenet__scales_its_channels_by_multiples_of_8(width: float, channels: tuple[int, ...]):
    with torch.device("meta"):
        net = MobileFaceNet(width).eval()
        maps = net(torch.empty(1, 3, 112, 112))
    assert net.channels == channels
    # the published trunk at 112 px: 28, 14, 7
    assert [tuple(each.shape[1:]) for each in maps] == [(c, s, s) for c, s in zip(channels, (28, 14, 7), strict=True)]


def test_mobilefacenet__frozen_parameters_of_the_published_trunk():
    # POSTER++ less its discarded landmark head: 911,232 frozen parameters
    with torch.device("meta"):
        net = MobileFaceNet()
    assert sum(parameter.numel() for parameter in net.parameters()) == 911_232


def test_landmark_net__gives_68_points_of_any_input_side():
    net = LandmarkNet(0.25, "relu", size=48).eval()
    assert net(torch.rand(2, 3, 48, 48)).shape == (2, 68, 2)
