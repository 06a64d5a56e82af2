"""IR50: parameters of its blocks by hand, and the settings that it does not have."""

from __future__ import annotations

import pytest

from fercli.config.model import ImageBackboneConfig
from fercli.errors import UsageError
from fercli.models.ir50 import IRBackbone


def test_ir50__blocks_have_the_parameters_of_the_improved_residual_block():
    # stem: 3*8*9 weights, 2*8 of the batch norm, 8 of the PReLU
    # block in -> out: batch norm 2 in, convs 9 in out + 9 out out, PReLU out, batch norm 2 out, and where the width
    # changes a 1x1 convolution in out with its batch norm 2 out
    stem = 3 * 8 * 9 + 2 * 8 + 8
    blocks = sum(
        2 * first + 9 * first * out + out + 9 * out * out + 2 * out + (first * out + 2 * out if first != out else 0)
        for first, out in ((8, 8), (8, 16), (16, 32))
    )
    config = ImageBackboneConfig(depths=(1, 1, 1), stem=8, widths=(8, 16, 32))
    assert sum(parameter.numel() for parameter in IRBackbone(config).parameters()) == stem + blocks


@pytest.mark.parametrize("config", [ImageBackboneConfig(entry=3), ImageBackboneConfig(tap_convs=False)])
def test_ir50__has_neither_entry_blocks_nor_bare_taps(config: ImageBackboneConfig):
    with pytest.raises(UsageError, match="face_resnet"):
        IRBackbone(config)
