"""The network's input from uint8 crops."""

from __future__ import annotations

import torch

from fercli.config.model import InputConfig
from fercli.train.inputs import to_unit


def test_to_unit__grey_is_itu_601_in_every_channel():
    crop = torch.tensor([255, 0, 51], dtype=torch.uint8).view(1, 3, 1, 1)
    grey = to_unit(crop, InputConfig(colour="grey"))
    # 0.299 + 0.114 * 0.2
    torch.testing.assert_close(grey.flatten(), torch.full((3,), 0.3218), atol=1e-6, rtol=0)
