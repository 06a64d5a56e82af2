"""A training step: what it moves, what it must not, and that both SAM passes see the same landmarks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fercli.learn.ema import Ema
from fercli.learn.loop import make_optimizer, prepare_batch, set_learning_rate, to_unit, train_step
from fercli.learn.losses import btn_loss
from fercli.learn.sam import SAM
from fercli.learn.sampling import generator
from fercli.models.btn import BTN
from fercli.presets import MODELS, InputConfig, SamConfig, TrainConfig

TINY = MODELS["btn-tiny"]
CROPS = torch.randint(0, 256, (6, 3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([0, 1, 2, 0, 1, 2])


def fresh(recipe: TrainConfig) -> tuple[BTN, SAM]:
    torch.manual_seed(0)
    model = BTN(TINY, 3)
    return model, SAM(make_optimizer(model, recipe), rho=recipe.sam.rho)


def test_train_step__learns_a_handful_of_images_by_heart():
    recipe = replace(TrainConfig(), lr=4e-3, sam=SamConfig(rho=0.02))
    model, optimizer = fresh(recipe)
    images = prepare_batch(
        CROPS, model, replace(recipe, augment=replace(recipe.augment, flip=0, erase=0)), generator(0)
    )
    losses = [train_step(model, images, TARGETS, optimizer, recipe).loss for _ in range(16)]
    # 4 x log 3 = 4.39 at the start: three equal heads weighted 2, 1, 1
    assert losses[0] == pytest.approx(4.39, abs=0.4)
    assert losses[-1] < 0.6 * losses[0]


def test_train_step__never_moves_the_landmark_branch():
    recipe = TrainConfig(lr=1e-2)
    model, optimizer = fresh(recipe)
    before = {k: v.clone() for k, v in model.landmark_backbone.state_dict().items()}
    train_step(model, prepare_batch(CROPS, model, recipe, generator(0)), TARGETS, optimizer, recipe)
    assert all(torch.equal(before[k], v) for k, v in model.landmark_backbone.state_dict().items())


def test_train_step__sam_computes_the_frozen_landmarks_once():
    recipe = TrainConfig()
    model, optimizer = fresh(recipe)
    calls = []
    model.landmark_backbone.register_forward_hook(lambda *args: calls.append(1))
    train_step(model, prepare_batch(CROPS, model, recipe, generator(0)), TARGETS, optimizer, recipe)
    assert len(calls) == 1


@pytest.mark.parametrize(("still", "updates"), [(False, 2), (True, 1)])
def test_train_step__batch_norm_in_sams_second_pass(still: bool, updates: int):
    # the official code updates statistics in both passes; with momentum 0.1 the share of the old mean is 0.9 per
    # update, but the second pass sees moved weights, so the count of effective updates is read from a layer before any of them
    recipe = replace(TrainConfig(), sam=SamConfig(rho=1e-9, freeze_bn_second=still))
    model, optimizer = fresh(recipe)
    norm = model.image_backbone.stem[1]
    assert isinstance(norm, torch.nn.BatchNorm2d)
    norm.running_mean.fill_(100.0)
    images = prepare_batch(CROPS, model, recipe, generator(0))
    batch_mean = model.image_backbone.stem[0](images).mean(dim=(0, 2, 3))
    train_step(model, images, TARGETS, optimizer, recipe)
    expected = 100 * 0.9**updates + batch_mean * (1 - 0.9**updates)
    torch.testing.assert_close(norm.running_mean, expected.detach(), atol=1e-3, rtol=0)


def test_make_optimizer__gives_the_backbone_its_own_rate_and_spares_vectors_from_decay():
    recipe = TrainConfig(optimizer="adamw", lr=1e-3, backbone_lr=0.1, weight_decay=0.05)
    model, optimizer = fresh(recipe)
    set_learning_rate(optimizer.optimizer, 1e-3)
    by_id = {id(p): group for group in optimizer.optimizer.param_groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            assert id(parameter) not in by_id
            continue
        group = by_id[id(parameter)]
        assert group["lr"] == pytest.approx(1e-4 if name.startswith("image_backbone.") else 1e-3)
        assert group["weight_decay"] == (0.05 if parameter.ndim > 1 else 0.0)


def test_to_unit__grey_is_itu_601_in_every_channel():
    crop = torch.tensor([255, 0, 51], dtype=torch.uint8).view(1, 3, 1, 1)
    grey = to_unit(crop, InputConfig(colour="grey"))
    # 0.299 + 0.114 * 0.2
    torch.testing.assert_close(grey.flatten(), torch.full((3,), 0.3218), atol=1e-6, rtol=0)


def test_ema__forgets_its_start_and_copies_counters():
    model = torch.nn.BatchNorm1d(1)
    ema = Ema(model, decay=0.999)
    with torch.no_grad():
        model.weight.fill_(3.0)
    model.num_batches_tracked.fill_(7)
    ema.update(model)
    # first step: decay min(0.999, 2 / 11), so weight = 1 * 2/11 + 3 * 9/11
    torch.testing.assert_close(ema.state["weight"], torch.tensor([2 / 11 + 27 / 11]))
    assert int(ema.state["num_batches_tracked"]) == 7


def test_train_step__takes_sams_second_gradient_at_the_perturbed_weights():
    # one SGD step by hand: g at w, then g' at w + rho g / |g|, then w - lr g'
    recipe = replace(TrainConfig(), optimizer="sgd", lr=0.1, sam=SamConfig(rho=0.5))
    model, optimizer = fresh(recipe)
    reference, _ = fresh(recipe)
    images = prepare_batch(CROPS, model, recipe, generator(0))
    reference.train()
    weights = [p for p in reference.parameters() if p.requires_grad]

    def gradient() -> list[torch.Tensor]:
        loss, _ = btn_loss(reference.forward_batch(images), TARGETS, recipe.loss)
        return list(torch.autograd.grad(loss, weights))

    first = gradient()
    norm = torch.sqrt(sum((g**2).sum() for g in first))
    start = [w.detach().clone() for w in weights]
    with torch.no_grad():
        for w, g in zip(weights, first, strict=True):
            w.add_(0.5 * g / norm)
    second = gradient()
    train_step(model, images, TARGETS, optimizer, recipe)
    moved = [p.detach() for p in model.parameters() if p.requires_grad]
    # Nesterov momentum 0.9: the first step is lr (g' + 0.9 g')
    for now, before, g in zip(moved, start, second, strict=True):
        torch.testing.assert_close(now, before - 0.1 * 1.9 * g, atol=1e-5, rtol=1e-3)
