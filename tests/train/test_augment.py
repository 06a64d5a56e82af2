"""Augmentation: what is off changes nothing, equal seeds draw equally, and points move with the picture."""

from __future__ import annotations

import colorsys

import pytest
import torch

from fercli.config.presets import RECIPES
from fercli.config.training import AugmentConfig
from fercli.train.augment import augment, erase, shift_hue
from fercli.train.random_numbers import BatchRandom, seeded_generator

OFF = AugmentConfig(flip=0, erase=0)


def crops(batch: int = 4, side: int = 32) -> torch.Tensor:
    return torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(0))


def sampled(seed: int, images: int = 4) -> BatchRandom:
    return BatchRandom(seeded_generator(seed), images)


def test_augment__off_is_the_picture_itself():
    assert torch.equal(augment(crops(), OFF, sampled(0)), crops())
    assert torch.equal(erase(crops(), OFF, sampled(0)), crops())


def test_augment__a_certain_flip_mirrors():
    flipped = augment(crops(), AugmentConfig(flip=1, erase=0), sampled(0))
    assert torch.equal(flipped, crops().flip(3))


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_augment__equal_seeds_give_equal_crops_in_range(recipe: str):
    config = RECIPES[recipe].augment
    first, second = (augment(crops(), config, sampled(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert 0 <= float(first.min()) <= float(first.max()) <= 1
    assert not torch.equal(first, augment(crops(), config, sampled(6)))


def test_augment__saturation_moves_colours_and_leaves_greys():
    config = AugmentConfig(flip=0, erase=0, saturation=0.9)
    grey = crops()[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(augment(grey, config, sampled(0)), grey, atol=1e-6, rtol=0)
    paint = torch.tensor([0.8, 0.4, 0.5]).view(1, 3, 1, 1).expand(4, 3, 2, 2)
    moved = augment(paint, config, sampled(0))
    # luminance 0.299 * 0.8 + 0.587 * 0.4 + 0.114 * 0.5 = 0.531 stays, the distances from it shrink or grow together
    torch.testing.assert_close(
        (moved * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1), torch.full((4, 2, 2), 0.531)
    )
    ratio = (moved - 0.531) / (paint - 0.531)
    torch.testing.assert_close(ratio.amin(dim=1), ratio.amax(dim=1), atol=1e-3, rtol=0)
    assert float(ratio.std()) > 0.05


def test_shift_hue__is_that_of_the_standard_library():
    images = crops(3, side=4)
    images[0, :, 0, 0] = 0.4  # a grey
    images[0, :, 0, 1] = torch.tensor([1.0, 0.0, 0.0])
    turns = torch.tensor([1 / 3, -0.1, 0.5])
    turned = shift_hue(images, turns)
    for image, turn, new in zip(images, turns.tolist(), turned, strict=True):
        for before, after in zip(image.flatten(1).T.tolist(), new.flatten(1).T.tolist(), strict=True):
            hue, saturation, value = colorsys.rgb_to_hsv(*before)
            assert after == pytest.approx(colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value), abs=1e-5)
    assert turned[0, :, 0, 1].tolist() == pytest.approx([0, 1, 0], abs=1e-6)  # red, a third of the circle on, is green


def test_augment__hue_differs_from_image_to_image_and_stays_within_its_limit():
    red = torch.tensor([0.8, 0.2, 0.2]).view(1, 3, 1, 1).expand(64, 3, 2, 2)
    moved = augment(red, AugmentConfig(flip=0, erase=0, hue=0.1), sampled(0, 64))[:, :, 0, 0]
    hues = [(colorsys.rgb_to_hsv(*colour)[0] + 0.5) % 1 - 0.5 for colour in moved.tolist()]
    assert -0.1 <= min(hues) < -0.05
    assert 0.05 < max(hues) <= 0.1


def test_augment__of_a_part_of_a_batch_is_the_part_of_the_augmented_batch():
    # each process samples values for the whole batch, so the number of processes changes no image
    config = RECIPES["compact"].augment
    whole = erase(augment(crops(), config, draw := sampled(5)), config, draw)
    halves = []
    for start in (0, 2):
        part = BatchRandom(seeded_generator(5), 2, start=start, batch_size=4)
        halves.append(erase(augment(crops()[start : start + 2], config, part), config, part))
    torch.testing.assert_close(torch.cat(halves), whole, atol=1e-6, rtol=0)


def test_erase__makes_one_rectangle_of_the_configured_area():
    images = torch.ones(200, 3, 64, 64)
    holes = erase(images, AugmentConfig(erase=1.0, erase_scale=(0.02, 0.1)), sampled(1, 200))[:, 0] == 0
    shares = holes.float().mean(dim=(1, 2))
    # rounding height and width to whole pixels moves the area by a few percent of itself
    assert 0.015 < float(shares.min()) < float(shares.max()) < 0.12
    for hole in holes[:20]:
        rows, columns = hole.any(dim=1).sum(), hole.any(dim=0).sum()
        assert int(rows * columns) == int(hole.sum())


def test_erase__of_one_ratio_has_the_configured_height():
    config = AugmentConfig(erase=1.0, erase_scale=(0.08, 0.08), erase_ratio=(2.0, 2.0))
    holes = erase(torch.ones(20, 3, 100, 100), config, sampled(1, 20))[:, 0] == 0
    # twice as high as wide, of 800 px: 40 x 20
    assert {(int(hole.any(dim=1).sum()), int(hole.any(dim=0).sum())) for hole in holes} == {(40, 20)}


def test_erase__changes_the_configured_share():
    erased = erase(torch.ones(2000, 1, 8, 8), AugmentConfig(erase=0.5), sampled(2, 2000))
    # 2,000 draws of probability 1/2: standard error 0.011
    assert (erased == 0).any(dim=3).any(dim=2).any(dim=1).float().mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("kind", ["blur", "lowres"])
def test_augment__a_chosen_image_is_changed_as_if_all_were_and_the_others_not_at_all(kind: str):
    images = crops(16)
    everything = augment(images, AugmentConfig(flip=0, erase=0, **{kind: 1.0}), sampled(3, 16))
    some = augment(images, AugmentConfig(flip=0, erase=0, **{kind: 0.4}), sampled(3, 16))
    changed = [not torch.equal(before, after) for before, after in zip(images, some, strict=True)]
    assert 0 < sum(changed) < 16
    expected = torch.where(torch.tensor(changed).view(-1, 1, 1, 1), everything, images)
    torch.testing.assert_close(some, expected, atol=1e-6, rtol=0)
