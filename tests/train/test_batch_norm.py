"""Batch norm over all processes, and with frozen statistics."""

from __future__ import annotations

import torch

from fercli.train.batch_norm import GlobalBatchNorm2d


def test_global_batch_norm__of_one_process_without_others_is_batch_norm_in_evaluation():
    norm, theirs = GlobalBatchNorm2d(3).eval(), torch.nn.BatchNorm2d(3).eval()
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(norm(x), theirs(x))
