"""Orders and learning rates: pure functions of seed and epoch."""

from __future__ import annotations

import pytest
import torch

from fercli.config.training import TrainConfig
from fercli.train.sampling import epoch_order

LABELS = torch.tensor([0] * 900 + [1] * 90 + [2] * 10)


def test_epoch_order__shuffle_visits_every_image_once_and_differs_by_epoch():
    first, second = (epoch_order(LABELS, TrainConfig(), epoch) for epoch in (0, 1))
    assert sorted(first.tolist()) == list(range(1000))
    assert first.tolist() != second.tolist()
    assert first.tolist() == epoch_order(LABELS, TrainConfig(), 0).tolist()


def test_epoch_order__balanced_samples_every_class_equally():
    # weights 1 / n_c, so each class gets a third of the draws; standard error sqrt(1/3 * 2/3 / 1000) = 0.015
    order = epoch_order(LABELS, TrainConfig(sampler="balanced"), 0)
    shares = torch.bincount(LABELS[order], minlength=3) / len(order)
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.06)


def test_epoch_order__half_balance_samples_by_the_root_of_the_counts():
    # n_c ** 0.5 = 30, 9.49, 3.16: shares 0.703, 0.222, 0.074
    order = epoch_order(LABELS, TrainConfig(sampler="balanced", balance=0.5), 0)
    shares = torch.bincount(LABELS[order], minlength=3) / len(order)
    assert shares.tolist() == pytest.approx([0.703, 0.222, 0.074], abs=0.05)
