"""Seeded generators and the random values of a batch."""

from __future__ import annotations

import torch

from fercli.train.random_numbers import BatchRandom, seeded_generator


def test_seeded_generator__depends_on_every_number_and_their_order():
    values = [
        torch.rand(1, generator=seeded_generator(*numbers)).item() for numbers in ((1, 2), (2, 1), (1, 2, 0), (1,))
    ]
    assert len(set(values)) == 4
    assert torch.rand(1, generator=seeded_generator(1, 2)).item() == values[0]


def test_batch_random__parts_of_a_batch_have_the_values_of_the_batch():
    whole = BatchRandom(seeded_generator(3), 5)
    parts = [
        BatchRandom(seeded_generator(3), 2, batch_size=5),
        BatchRandom(seeded_generator(3), 3, start=2, batch_size=5),
    ]
    for _ in range(2):  # the second values too: every part has sampled as many as the batch
        assert torch.equal(torch.cat([part.per_image() for part in parts]), whole.per_image())
    assert {part.per_batch() for part in parts} == {whole.per_batch()}


def test_batch_random__symmetric_values_reach_both_sides_of_the_limit():
    values = BatchRandom(seeded_generator(0), 2000).per_image_symmetric(0.5)
    assert -0.5 <= float(values.min()) < -0.49
    assert 0.49 < float(values.max()) <= 0.5
