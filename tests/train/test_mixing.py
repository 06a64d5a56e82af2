"""mixup and CutMix: targets are mixed in the shares of the pixels, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fercli.config.presets import MODELS, RECIPES
from fercli.config.training import AugmentConfig, SamConfig, TrainConfig
from fercli.data.open import open_dataset
from fercli.train.mixing import left_unmixed, mix_images
from fercli.train.options import TrainOptions
from fercli.train.random_numbers import BatchRandom, seeded_generator
from fercli.train.train import train
from fercli.weights.files import load_weights
from fercli.weights.run_folder import RunConfig


def sampled(seed: int, images: int) -> BatchRandom:
    return BatchRandom(seeded_generator(seed), images)


def levels(images: int, side: int = 20) -> torch.Tensor:
    """Images of one grey level each: the index, so that a pixel names the image it is from."""
    return torch.arange(images, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 3, side, side).contiguous()


def test_mix_images__off_returns_what_it_was_given():
    images, targets = levels(4), torch.tensor([0, 1, 2, 0])
    mixed, same = mix_images(images, targets, 3, AugmentConfig(), sampled(0, 4))
    assert mixed is images
    assert same is targets


def test_mix_images__mixup_blends_pixels_and_targets_in_one_share():
    images = torch.stack([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)] * 50)
    mixed, targets = mix_images(images, torch.tensor([0, 1] * 50), 2, AugmentConfig(mixup=1), sampled(1, 100))
    # black is class 0 and white class 1: the grey level is the share of class 1
    torch.testing.assert_close(mixed[:, 0, 0, 0], targets[:, 1])
    own = targets[torch.arange(100), torch.tensor([0, 1] * 50)]
    assert 0.5 <= own.min() < 0.55
    assert 0.95 < own.max() <= 1


def test_mix_images__cutmix_pastes_a_square_of_the_image_before_it():
    images = levels(60)
    mixed, targets = mix_images(images, torch.arange(60), 60, AugmentConfig(cutmix=1), sampled(2, 60))
    for index in range(60):
        pasted = mixed[index, 0] != index
        rows, columns = pasted.any(dim=1).sum().item(), pasted.any(dim=0).sum().item()
        assert rows == columns
        assert rows * columns == pasted.sum().item()
        assert (mixed[index, 0][pasted] == (index - 1) % 60).all()
        assert targets[index, (index - 1) % 60].item() == pytest.approx(pasted.sum().item() / 400)
    sides = (targets.gather(1, ((torch.arange(60) - 1) % 60).unsqueeze(1)) * 400).sqrt()
    assert sides.min() >= 6 - 1e-4
    assert sides.max() <= 14 + 1e-4


def test_mix_images__mixes_the_share_asked_for_and_keeps_distributions():
    distributions = torch.rand(1000, 3, generator=torch.Generator().manual_seed(0))
    distributions /= distributions.sum(dim=1, keepdim=True)
    config = AugmentConfig(mixup=0.2, cutmix=0.3)
    mixed, targets = mix_images(levels(1000, 10), distributions, 3, config, sampled(3, 1000))
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(1000))
    changed = (mixed != levels(1000, 10)).flatten(1).any(dim=1)
    assert torch.equal(targets[~changed], distributions[~changed])
    # 1,000 draws of probability 1/2: standard error 0.016
    assert changed.float().mean() == pytest.approx(0.5, abs=0.06)


def test_left_unmixed__are_targets_that_mixing_did_not_change():
    # image 0 is mixed with another class, image 1 with its own, image 2 with none
    after = torch.tensor([[0.7, 0.3], [0.0, 1.0], [0.0, 1.0]])
    assert left_unmixed(torch.tensor([0, 1, 1]), after).tolist() == [False, True, True]
    assert left_unmixed(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), after).tolist() == [False, True, False]


def test_train_config__refuses_probabilities_that_add_up_to_more_than_one():
    with pytest.raises(ValueError, match="mixup"):
        TrainConfig(augment=AugmentConfig(mixup=0.7, cutmix=0.4))


def test_train__of_class_labels_mixes_images(two_classes: Callable[..., Path], tmp_path: Path):
    faces = open_dataset(str(two_classes(train=6, test=2)))
    heads = []
    for cutmix in (0.0, 1.0):
        recipe = replace(
            RECIPES["compact"],
            epochs=1,
            batch_size=4,
            validation=0.0,
            select="last",
            sam=SamConfig(rho=0.0),
            augment=AugmentConfig(erase=0, cutmix=cutmix),
        )
        config = RunConfig(dataset="faces", data=None, model=MODELS["btn-tiny"], train=recipe, init=())
        run = train(faces, tmp_path / f"run-{cutmix}", config=config, options=TrainOptions(device="cpu"))
        heads.append(load_weights(run.weights)[0]["vit.head.bias"])
    assert heads[1].isfinite().all()
    assert not torch.equal(*heads)
