"""Multi-level attention: shapes, and where S1, S2 and S3 enter F_MLA."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fercli.config.model import MlaConfig
from fercli.config.presets import MODELS
from fercli.models.mla import MultiLevelAttention

TINY = MODELS["btn-tiny"]


def levels(seed: int = 0) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [
        torch.randn(2, width, side, side, generator=random)
        for width, side in zip(TINY.image.widths, TINY.level_sides, strict=True)
    ]


@pytest.mark.parametrize("down", ["conv_s2", "conv_s1_avgpool"])
def test_mla__gives_a_map_of_the_size_of_s3(down: str):
    mla = MultiLevelAttention(replace(TINY, mla=replace(TINY.mla, down=down))).eval()
    s1, s2, s3 = levels()
    assert mla(s1, s2, s3).shape == s3.shape


def test_mla__with_the_papers_layer_scale_starts_as_a_chain_of_convolutions_of_s1():
    # relative sensitivity of F_MLA at the start: S1 1.0, S2 8e-6, S3 1e-6 with 1e-5, its residual from keys and values
    mla = MultiLevelAttention(replace(TINY, mla=MlaConfig())).eval()
    s1, s2, s3 = levels()
    other1, other2, other3 = levels(seed=1)
    start = mla(s1, s2, s3)
    torch.testing.assert_close(mla(s1, other2, other3), start, atol=1e-3, rtol=0)
    assert (mla(other1, s2, s3) - start).abs().max() > 0.1


def test_mla__with_the_querys_residual_starts_as_s3():
    mla = MultiLevelAttention(replace(TINY, mla=MlaConfig(residual="query"))).eval()
    s1, s2, s3 = levels()
    torch.testing.assert_close(mla(s1, s2, s3), s3, atol=1e-3, rtol=0)
