"""Batch norm over all processes, and with frozen statistics."""

from __future__ import annotations

import torch

from fercli.train.batch_norm import GlobalBatchNorm2d, frozen_statistics


def test_global_batch_norm__of_one_process_without_others_is_batch_norm_in_evaluation():
    norm, theirs = GlobalBatchNorm2d(3).eval(), torch.nn.BatchNorm2d(3).eval()
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(norm(x), theirs(x))


def test_frozen_statistics__normalises_by_the_batch_and_keeps_the_running_mean():
    norm = torch.nn.BatchNorm2d(1)
    x = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)
    with frozen_statistics(norm):
        out = norm(x)
    # mean 2, variance 1: the values become -1 and 1
    torch.testing.assert_close(out.flatten().detach(), torch.tensor([-1.0, 1.0]), atol=1e-4, rtol=0)
    assert (float(norm.running_mean), norm.momentum) == (0.0, 0.1)
    norm(x)
    assert float(norm.running_mean) != 0
