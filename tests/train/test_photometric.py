"""Photometric augmentation: values by hand, and JPEG against a real encoder."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from fercli.config.training import AugmentConfig
from fercli.train.augment import augment
from fercli.train.photometric import add_noise, compress_jpeg, jitter_gamma, jitter_light, sharpen
from fercli.train.random_numbers import BatchRandom, seeded_generator

KINDS = ("gamma", "light", "sharpen", "noise", "jpeg")


def crops(batch: int = 4, side: int = 32) -> torch.Tensor:
    return torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(0))


def sampled(seed: int, images: int = 4) -> BatchRandom:
    return BatchRandom(seeded_generator(seed), images)


def test_jitter_gamma__black_and_white_stay_and_grey_moves_within_the_limit():
    images = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3).expand(200, 3, 3, 3)
    changed = jitter_gamma(images, 0.5, sampled(1, 200))
    assert changed[..., 0].abs().max() == 0
    assert (changed[..., 2] == 1).all()
    # 0.5 to the power of exp(-0.5) and of exp(0.5)
    assert changed[..., 1].max() <= 0.5 ** np.exp(-0.5) + 1e-6
    assert changed[..., 1].min() >= 0.5 ** np.exp(0.5) - 1e-6
    assert changed[..., 1].std() > 0.05


def test_jitter_light__brightens_one_side_as_much_as_it_darkens_the_other():
    grey = torch.full((50, 3, 9, 9), 0.5)
    changed = jitter_light(grey, 0.4, sampled(2, 50))
    torch.testing.assert_close(changed + changed.flip(2).flip(3), torch.ones_like(grey))  # no clipping at 0.5 and 0.4
    torch.testing.assert_close(changed[:, :, 4, 4], grey[:, :, 4, 4])
    assert (changed.amax(dim=(1, 2, 3)) - changed.amin(dim=(1, 2, 3))).max() > 0.2


def test_add_noise__has_a_deviation_up_to_the_limit_and_is_grey():
    grey = torch.full((300, 3, 16, 16), 0.5)
    noise = add_noise(grey, 0.1, sampled(3, 300)) - grey
    assert torch.equal(noise[:, 0], noise[:, 2])
    deviations = noise[:, 0].flatten(1).std(dim=1)
    # uniform in 0..0.1: mean 0.05, standard error 0.0017
    assert deviations.mean() == pytest.approx(0.05, abs=0.008)
    assert deviations.max() < 0.12


def test_sharpen__a_flat_picture_stays_and_an_edge_overshoots():
    assert torch.allclose(sharpen(torch.full((1, 3, 16, 16), 0.4), torch.ones(1)), torch.full((1, 3, 16, 16), 0.4))
    edge = torch.full((2, 3, 16, 16), 0.3)
    edge[..., 8:] = 0.6
    changed = sharpen(edge, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(changed[0], edge[0])
    assert changed[1, 0, 8, 7] < 0.3
    assert changed[1, 0, 8, 8] > 0.6


@pytest.mark.parametrize("side", [32, 29])
def test_compress_jpeg__gives_what_an_encoder_gives(side: int):
    # a smooth picture, as libjpeg rounds its samples and coefficients
    ramp = np.add.outer(np.sin(np.arange(side) / 4), np.cos(np.arange(side) / 5)) * 50 + 128
    grey = ramp.round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG", quality=50)  # quality 50 is the table of the standard itself
    encoded = np.asarray(Image.open(io.BytesIO(buffer.getvalue())), np.float32)
    images = torch.from_numpy(grey).float().div(255).expand(1, 3, side, side)
    compressed = compress_jpeg(images, torch.ones(1))[0, 0].numpy() * 255
    assert np.abs(compressed - encoded).mean() < 1
    assert np.abs(compressed - grey).mean() > 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_augment__each_kind_changes_stays_in_range_and_repeats(kind: str):
    config = AugmentConfig(flip=0, erase=0, **{kind: 0.9})
    first, second = (augment(crops(8), config, sampled(5, 8)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, crops(8))
    assert 0 <= first.min() <= first.max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_augment__a_part_of_a_batch_is_augmented_as_in_the_whole(kind: str):
    config = AugmentConfig(flip=0, erase=0, **{kind: 0.9})
    whole = augment(crops(8), config, sampled(6, 8))
    part = augment(crops(8)[3:], config, BatchRandom(seeded_generator(6), 5, start=3, batch_size=8))
    torch.testing.assert_close(part, whole[3:])
