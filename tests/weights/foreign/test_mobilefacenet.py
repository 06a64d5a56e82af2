"""The published 68-point MobileFaceNet as a landmark branch."""

from __future__ import annotations

import pytest
import torch

from fercli.weights.files import load_part
from fercli.weights.foreign.convert import convert


@pytest.mark.shared
def test_mobilefacenet__becomes_a_landmark_backbone(shared, tmp_path):
    report = convert(shared / "weights" / "mobilefacenet_68.pt", tmp_path / "out.safetensors")
    state, card = load_part(tmp_path / "out.safetensors")
    assert (card.part, report.format) == ("landmark_backbone", "mobilefacenet")
    assert len(report.renamed) + len(report.dropped) == 333
    assert report.parameters == 1_007_248 - 96_016  # all, but for the head
    # the same numbers under two names: the first convolution
    published = torch.load(shared / "weights" / "mobilefacenet_68.pt", weights_only=True)
    assert torch.equal(state["landmark_backbone.conv1.0.weight"], published["conv1.conv.weight"])
