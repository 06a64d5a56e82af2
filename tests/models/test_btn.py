"""The network against the paper's shapes and counts; its logits P_VIT never depend on the other images of the batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from fercli.config.model import (
    AblateConfig,
    BatchConfig,
    BtConfig,
    CbaConfig,
    EmbedConfig,
    LandmarkConfig,
    MlaConfig,
)
from fercli.config.presets import MODELS
from fercli.config.training import LossConfig
from fercli.models.btn import BTN, count_parameters, training_network

TINY = MODELS["btn-tiny"]


def tiny(**changes: object) -> BTN:
    torch.manual_seed(0)
    return BTN(replace(TINY, **changes), 7)


def images(batch: int, seed: int = 1, size: int = 48) -> torch.Tensor:
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("classes", "training", "expected"),
    [(7, False, 43_753_941), (8, False, 43_754_710), (7, True, 45_035_528), (8, True, 45_036_554)],
)
def test_btn_base__has_the_published_number_of_parameters(classes: int, training: bool, expected: int):
    # POSTER++ without its dead modules: 43.75 M live parameters; BTN adds 1,281,587 (N = 7) or 1,281,844 (N = 8) in training.
    # 8 classes in training: 43,754,710 + 1,281,844
    with torch.device("meta"):
        model = BTN(MODELS["btn-base"], classes, training_parts=training)
    assert count_parameters(model) == expected


def test_btn_base__frozen_branch_is_what_does_not_learn():
    with torch.device("meta"):
        model = BTN(MODELS["btn-base"], 7, training_parts=False)
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 42_842_709


def test_btn_base__maps_have_the_papers_shapes():
    with torch.device("meta"):
        model = BTN(MODELS["btn-base"], 7).eval()
        x = torch.empty(2, 3, 112, 112)
        levels = model.levels(x)
        taps = model.landmark_backbone(x)
    assert [tuple(t.shape[1:]) for t in taps] == [(64, 28, 28), (128, 14, 14), (512, 7, 7)]
    assert [tuple(level.shape[1:]) for level in levels] == [(64, 28, 28), (128, 14, 14), (256, 7, 7)]
    assert MODELS["btn-base"].level_sides == (28, 14, 7)
    assert model.vit.pos_embed.shape == (1, 148, 768)


def test_btn_compact__levels_are_one_stage_deeper_and_landmark_input_has_half_the_side():
    config = MODELS["btn-compact"]
    with torch.device("meta"):
        model = BTN(config, 8).eval()
        x = torch.empty(2, 3, 96, 96)
        levels = model.levels(x)
    assert [tuple(level.shape[1:]) for level in levels] == [(64, 12, 12), (128, 6, 6), (256, 3, 3)]
    assert (config.level_sides, config.landmark_size) == ((12, 6, 3), 48)


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"btn-base"}))
def test_presets__run_with_any_number_of_classes(name: str):
    config = MODELS[name]
    model = BTN(config, 5)
    output = model.forward_batch(images(3, size=config.input.size))
    assert {t.shape for t in (output.p_vit, output.p_cba, output.p_bt) if t is not None} == {(3, 5)}


def test_p_vit__is_the_same_to_the_last_bit_with_other_images_in_the_batch():
    model = tiny().eval()
    batch = images(6)
    other = torch.cat((batch[:1], images(5, seed=2)))
    assert torch.equal(model(batch)[0], model(other)[0])


def test_p_cba__changes_with_the_other_images_of_the_batch():
    model = tiny().eval()
    batch = images(6)
    other = torch.cat((batch[:1], images(5, seed=2)))
    first, second = model.forward_batch(batch).p_cba, model.forward_batch(other).p_cba
    assert first is not None
    assert second is not None
    assert (first[0] - second[0]).abs().max() > 1e-5


def test_p_bt__of_a_lone_image_is_twice_p_vit():
    # with B = 1 the attention weight is 1, so P_CBA = P_VIT and P_BT = 2 P_VIT
    output = tiny().eval().forward_batch(images(1))
    torch.testing.assert_close(output.p_cba, output.p_vit)
    torch.testing.assert_close(output.p_bt, 2 * output.p_vit)


def test_inference_state__holds_nothing_of_the_training_part_and_gives_the_same_logits():
    model = tiny().eval()
    state = model.inference_state()
    assert not [name for name in state if name.startswith("batch.")]
    assert [name for name in model.state_dict() if name.startswith("batch.")]
    alone = BTN(TINY, 7, training_parts=False).eval()
    alone.load_state_dict(state, strict=True)
    assert torch.equal(alone(images(4)), model(images(4)))


def test_l_vit_alone__gives_the_training_part_no_gradient():
    # L_VIT's gradient to MLA and embedding is exactly zero
    model = tiny()
    model.forward_batch(images(4)).p_vit.sum().backward()
    assert model.batch is not None
    assert all(p.grad is None or not p.grad.any() for p in model.batch.parameters())


def test_l_cba__reaches_the_classifier_unless_detached():
    for detach, reaches in ((False, True), (True, False)):
        model = tiny(cba=CbaConfig(detach_value=detach))
        output = model.forward_batch(images(4))
        assert output.p_cba is not None
        (output.p_cba**2).sum().backward()
        grad = model.vit.head.weight.grad
        assert (grad is not None and bool(grad.any())) is reaches


@pytest.mark.parametrize("detach", [False, True])
def test_batch_detach__keeps_the_gradient_of_the_embedding_from_the_trunk(detach: bool):
    # with detached values all of L_CBA's gradient to the trunk comes through S1 to S3
    model = tiny(batch=BatchConfig(detach=detach), cba=CbaConfig(detach_value=True))
    output = model.forward_batch(images(4))
    assert output.p_cba is not None
    assert model.batch is not None
    (output.p_cba**2).sum().backward()
    trunk = [p.grad for p in model.image_backbone.parameters()]
    assert any(grad is not None and bool(grad.any()) for grad in trunk) is not detach
    assert bool(model.batch.cba.embed.weight.grad.any())


def statistics(model: BTN) -> list[torch.Tensor]:
    return [b.clone() for name, b in model.landmark_backbone.named_buffers() if "running" in name]


def test_landmark_branch__frozen_means_frozen_in_training():
    model = tiny().train()
    before = statistics(model)
    model.forward_batch(images(4))
    assert all(torch.equal(a, b) for a, b in zip(before, statistics(model), strict=True))
    assert not any(p.requires_grad for p in model.landmark_backbone.parameters())


def test_landmark_branch__official_switch_lets_statistics_drift():
    model = tiny(landmark=LandmarkConfig(width=0.25, bn="official_train")).train()
    before = statistics(model)
    model.forward_batch(images(4))
    assert not any(torch.equal(a, b) for a, b in zip(before, statistics(model), strict=True))


def test_landmark_input__is_the_unit_range_image_in_the_configured_order():
    seen = {}
    for order in ("unit_rgb", "unit_bgr", "imagenet"):
        model = tiny(landmark=LandmarkConfig(width=0.25, input=order)).eval()
        model.landmark_backbone.register_forward_pre_hook(
            lambda _m, args, order=order: seen.__setitem__(order, args[0])
        )
        unit = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(3))
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (TINY.input.mean, TINY.input.std))
        model((unit - mean) / std)
    torch.testing.assert_close(seen["unit_rgb"], unit)
    torch.testing.assert_close(seen["unit_bgr"], unit.flip(1))
    torch.testing.assert_close(seen["imagenet"], (unit - mean) / std)


def test_resize__nearest_by_two_takes_every_second_pixel_as_interpolate_does():
    model = tiny(input=replace(TINY.input, size=96))
    x = images(2, size=96)
    assert torch.equal(model.backbone_input(x), torch.nn.functional.interpolate(x, size=48))


@pytest.mark.parametrize(
    "changes",
    [
        {"mla": MlaConfig(down="conv_s1_avgpool")},
        {"mla": MlaConfig(ffn=False, residual="none")},
        {"mla": MlaConfig(residual="query", layer_scale=1.0)},
        {"bt": BtConfig(source="s3")},
        {"cba": CbaConfig(scale="none", value="probs", pe="learned")},
        {"cba": CbaConfig(scale="sqrt_dim", pe="none")},
        *({"ablate": AblateConfig(mla_only=mode)} for mode in ("vit_replace", "vit_concat", "aux_head")),
    ],
    ids=str,
)
def test_switches__train_and_strip_to_inference(changes: dict[str, object]):
    model = tiny(**changes)
    output = model.forward_batch(images(3))
    assert output.p_bt is not None
    (output.p_vit + output.p_bt).sum().backward()
    alone = BTN(model.config, 7, training_parts=False).eval()
    alone.load_state_dict(model.inference_state(), strict=True)
    assert torch.equal(alone(images(2)), model.eval()(images(2)))


def test_image_head__reads_the_image_branch_alone_and_stays_in_training():
    torch.manual_seed(0)
    model = BTN(TINY, 7, image_head=True)
    output = model.eval().forward_batch(images(2))
    last = model.image_backbone(model.backbone_input(images(2)))[2]
    assert model.image_head is not None
    torch.testing.assert_close(output.image, model.image_head(last.mean(dim=(2, 3))))
    output.image.sum().backward()
    assert next(model.image_backbone.parameters()).grad is not None
    assert all(parameter.grad is None for parameter in model.vit.parameters())
    BTN(TINY, 7, training_parts=False).load_state_dict(model.inference_state(), strict=True)
    assert tiny().forward_batch(images(2)).image is None


def test_probs__p_bt_is_a_log_distribution():
    output = tiny(cba=CbaConfig(value="probs")).eval().forward_batch(images(4))
    assert output.p_bt is not None
    torch.testing.assert_close(output.p_bt.exp().sum(dim=1), torch.ones(4), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("embed", "mla", "expected"),
    [
        # training-only parameters of btn-base: 1,281,587 in all (N = 7); a 3x3 embedding adds 8 x 256 x 7;
        # without LN, gamma and MLP of both blocks: 2 C + C + 8 C^2 + 5 C for C = 128 and 256
        (1, MlaConfig(), 1_281_587),
        (3, MlaConfig(), 1_295_923),
        (1, MlaConfig(ffn=False), 1_281_587 - sum(8 * c * c + 8 * c for c in (128, 256))),
    ],
)
def test_training_part__has_the_parameters_of_the_switch(embed: int, mla: MlaConfig, expected: int):
    with torch.device("meta"):
        part = BTN(replace(MODELS["btn-base"], embed=EmbedConfig(kernel=embed), mla=mla), 7).batch
    assert part is not None
    assert count_parameters(part) == expected


def test_cba_scale__is_the_switchs_factor():
    # N = 7 classes; btn-tiny's last map is 3 x 3
    scales = {scale: tiny(cba=CbaConfig(scale=scale)).batch.cba.scale for scale in ("sqrt_classes", "sqrt_dim", "none")}
    assert scales == pytest.approx({"sqrt_classes": 7**-0.5, "sqrt_dim": 1 / 3, "none": 1.0})


def test_bt_source__s3_has_no_mla():
    model = tiny(bt=BtConfig(source="s3"))
    assert model.batch is not None
    assert model.batch.mla is None
    levels = model.levels(images(2))
    assert torch.equal(model.batch.features(levels), levels.high)


def test_p_vit__hardly_differs_between_batch_sizes():
    model = tiny().eval()
    together = model(images(7))
    alone = torch.cat([model(image[None]) for image in images(7)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (LossConfig(), {"batch"}),
        (LossConfig(image=1.0), {"batch", "image_head"}),
        (LossConfig(bt=0.0, cba=0.0), set()),
        (LossConfig(bt=0.0, cba=0.0, distill=1.0), {"batch"}),
    ],
)
def test_training_network__has_what_the_losses_need(loss, expected):
    with torch.device("meta"):
        model = training_network(MODELS["btn-tiny"], 8, loss)
    assert {name for name, _ in model.named_children() if name in ("batch", "image_head", "aux_head")} == expected
