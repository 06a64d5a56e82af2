"""Presets: models and training recipes by name. To add one, add an entry to MODELS or RECIPES."""

from __future__ import annotations

from dataclasses import replace

from fercli.config.model import (
    FACE_RESNET_MEAN,
    BtnConfig,
    CbaConfig,
    CrossConfig,
    ImageBackboneConfig,
    InputConfig,
    LandmarkConfig,
    MlaConfig,
    VitConfig,
)
from fercli.config.training import AugmentConfig, LossConfig, SamConfig, TrainConfig
from fercli.errors import UsageError

MODELS: dict[str, BtnConfig] = {
    config.preset: config
    for config in (
        BtnConfig(),
        BtnConfig(
            # the shipped model: for faces of 48 px and more, with dlib's face ResNet as image branch
            preset="btn-compact",
            input=InputConfig(size=96, mean=FACE_RESNET_MEAN, std=(1.0, 1.0, 1.0), colour="grey"),
            backbone_size=96,
            image=ImageBackboneConfig(
                kind="face_resnet", stem=32, entry=3, widths=(64, 128, 256), depths=(4, 3, 3), tap_convs=False
            ),
            landmark=LandmarkConfig(width=0.5, activation="relu"),
            cross=CrossConfig(heads=(2, 4, 8), drop_path=(0.0, 0.05, 0.1), layer_scale=0.1, mlp_ratio=0.5),
            vit=VitConfig(width=128, depth=2, heads=4, mlp_ratio=2.0, init_std=0.05),
            mla=MlaConfig(layer_scale=0.1, drop_path=(0.05, 0.1)),
        ),
        BtnConfig(
            # the same topology for tests and quick experiments: a training step takes milliseconds
            preset="btn-tiny",
            input=InputConfig(size=48, colour="grey"),
            backbone_size=48,
            image=ImageBackboneConfig(stem=16, widths=(16, 32, 64), depths=(1, 1, 2)),
            landmark=LandmarkConfig(width=0.25),
            cross=CrossConfig(heads=(1, 2, 4), drop_path=(0.0, 0.0, 0.0), layer_scale=0.1),
            vit=VitConfig(width=64, depth=1, heads=2),
            mla=MlaConfig(layer_scale=0.1, drop_path=(0.0, 0.0)),
        ),
    )
}


_COMPACT_AUGMENT = AugmentConfig(
    rotate=10,
    translate=0.06,
    scale=0.1,
    brightness=0.15,
    contrast=0.2,
    lowres=0.05,
    blur=0.05,
    erase=0.25,
    erase_scale=(0.02, 0.12),
)

_COMPACT = TrainConfig(
    recipe="compact",
    epochs=20,
    batch_size=64,
    optimizer="adamw",
    lr=1e-3,
    backbone_lr=0.15,  # with more, the face pretraining is lost faster than expressions are learned
    weight_decay=0.05,
    schedule="cosine",
    warmup_epochs=0.5,
    drop_last=True,
    grad_clip=5.0,
    ema=0.999,
    validation=0.1,
    select="val",
    test_best=False,
    loss=LossConfig(soft_targets=True, image=1.0),
    sam=SamConfig(rho=0.0),
    augment=_COMPACT_AUGMENT,
)

RECIPES: dict[str, TrainConfig] = {
    recipe.recipe: recipe
    for recipe in (
        TrainConfig(),
        TrainConfig(
            recipe="affectnet7", batch_size=144, lr=0.8e-6, sampler="balanced", augment=AugmentConfig(erase=1.0)
        ),
        TrainConfig(recipe="affectnet8", batch_size=144, lr=1e-6, sampler="balanced", augment=AugmentConfig(erase=1.0)),
        _COMPACT,
        # for noisy labels: compact, with attention that is bounded, supervised and corrects the labels (docs/model.md)
        replace(_COMPACT, recipe="btn-plus", loss=replace(_COMPACT.loss, attention=1.0, refine=0.9)),
    )
}

# what a recipe changes in the model that it trains
_RECIPE_CBA = {"btn-plus": CbaConfig(similarity="cosine", mask_self=True)}


def with_recipe(model: BtnConfig, recipe: str) -> BtnConfig:
    """Return a model as a recipe trains it: btn-plus changes class batch attention, the others nothing."""
    return replace(model, cba=_RECIPE_CBA[recipe]) if recipe in _RECIPE_CBA else model


def default_recipe(model: str) -> TrainConfig:
    """Return the default recipe of a model preset: the paper's for the paper's network."""
    return RECIPES["rafdb" if model == "btn-base" else "compact"]


def model_preset(name: str) -> BtnConfig:
    """Return a model preset by name; UsageError lists the known names."""
    if name not in MODELS:
        raise UsageError(f"unknown model preset {name!r}", fix=f"known: {', '.join(MODELS)}")
    return MODELS[name]


def recipe(name: str) -> TrainConfig:
    """Return a training recipe by name; UsageError lists the known names."""
    if name not in RECIPES:
        raise UsageError(f"unknown recipe {name!r}", fix=f"known: {', '.join(RECIPES)}")
    return RECIPES[name]
