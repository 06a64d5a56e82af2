"""The paper's recipes, value by value as the paper and its baseline's code state them (BTN 4.2; POSTER_V2's scripts)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fercli.config.presets import MODELS, RECIPES
from fercli.config.training import AugmentConfig, LossConfig, SamConfig, TrainConfig
from fercli.train.schedule import lr_factor

# lr, batch, sampler, probability of RandomErasing
TABLE = {
    "rafdb": (2e-5, 64, "shuffle", 0.5),
    "affectnet7": (0.8e-6, 144, "balanced", 1.0),
    "affectnet8": (1e-6, 144, "balanced", 1.0),
}


@pytest.mark.parametrize("name", TABLE)
def test_recipe__is_the_papers(name: str):
    lr, batch, sampler, erase = TABLE[name]
    expected = TrainConfig(
        recipe=name,
        epochs=200,
        batch_size=batch,
        accumulate=1,
        optimizer="adam",
        betas=(0.9, 0.999),
        eps=1e-8,
        momentum=0.9,
        lr=lr,
        backbone_lr=1.0,
        weight_decay=0.0,
        schedule="exponential",
        gamma=0.98,
        warmup_epochs=0.0,
        sampler=sampler,
        balance=1.0,
        drop_last=False,
        grad_clip=0.0,
        ema=0.0,
        amp="off",
        compile=False,
        sync_bn=False,
        validation=0.0,
        select="last",
        test_best=True,
        patience=0,
        loss=LossConfig(vit=2.0, bt=1.0, cba=1.0, label_smoothing=0.0, soft_targets=False, class_weight=0.0),
        sam=SamConfig(rho=0.05, adaptive=False, freeze_bn_second=False, report="first"),
        augment=AugmentConfig(flip=0.5, erase=erase, erase_scale=(0.02, 0.1), erase_ratio=(0.3, 3.3)),
    )
    assert RECIPES[name] == expected
    off = RECIPES[name].augment
    assert (off.rotate, off.translate, off.scale, off.brightness, off.contrast) == (0,) * 5
    assert (off.saturation, off.hue, off.lowres, off.blur) == (0,) * 4
    cba, loss = MODELS["btn-base"].cba, RECIPES[name].loss
    assert (cba.mask_self, cba.similarity, MODELS["btn-base"].batch.detach) == (False, "dot", False)
    assert (loss.logit_adjustment, loss.distill, loss.attention, loss.refine) == (0, 0, 0, 0)


def test_recipe__ends_at_two_percent_of_its_learning_rate():
    # 0.98 ** 199 = 0.01795: the learning rate ends at 1.8 % of its start
    assert lr_factor(RECIPES["rafdb"], 199.5) == pytest.approx(0.01795, rel=1e-3)
    assert lr_factor(replace(RECIPES["rafdb"]), 0.99) == 1.0
