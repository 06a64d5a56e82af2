"""The moving average of weights and buffers."""

from __future__ import annotations

import torch

from fercli.train.ema import averaged_model


def test_averaged_model__forgets_its_start_and_copies_counters():
    model = torch.nn.BatchNorm1d(1)
    average = averaged_model(model, decay=0.999)
    with torch.no_grad():
        model.weight.fill_(3.0)
    model.num_batches_tracked.fill_(7)
    average.update_parameters(model)
    # first step: decay min(0.999, 2 / 11), so weight = 1 * 2/11 + 3 * 9/11
    torch.testing.assert_close(average.module.weight.detach(), torch.tensor([2 / 11 + 27 / 11]))
    assert int(average.module.num_batches_tracked) == 7


def test_averaged_model__is_the_recursion_by_hand_and_averages_statistics():
    model = torch.nn.BatchNorm1d(1)
    average = averaged_model(model, decay=0.3)
    expected = 0.0  # of the running mean, which starts at 0
    for update, value in enumerate((1.0, 5.0, -2.0), start=1):
        model.running_mean.fill_(value)
        average.update_parameters(model)
        decay = min(0.3, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * value
    torch.testing.assert_close(average.module.running_mean, torch.tensor([expected]))
