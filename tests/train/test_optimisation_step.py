"""A training step: which weights it updates, SAM's passes, gradient accumulation, half precision."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch

from fercli.config.presets import MODELS
from fercli.config.training import LossConfig, SamConfig, TrainConfig
from fercli.models.btn import BTN
from fercli.train.inputs import training_input
from fercli.train.losses import btn_loss
from fercli.train.optimisation_step import OptimisationStep
from fercli.train.random_numbers import BatchRandom, seeded_generator

TINY = MODELS["btn-tiny"]
CROPS = torch.randint(0, 256, (6, 3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([0, 1, 2, 0, 1, 2])


def fresh(recipe: TrainConfig) -> OptimisationStep:
    torch.manual_seed(0)
    return OptimisationStep(BTN(TINY, 3), recipe)


def prepared(model: BTN, recipe: TrainConfig) -> torch.Tensor:
    return training_input(CROPS, model, recipe, BatchRandom(seeded_generator(0), len(CROPS)))


def gradients(model: BTN) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_step__overfits_a_handful_of_images():
    recipe = replace(TrainConfig(), lr=4e-3, sam=SamConfig(rho=0.02))
    step = fresh(recipe)
    images = prepared(step.model, replace(recipe, augment=replace(recipe.augment, flip=0, erase=0)))
    losses = [step(images, TARGETS).loss for _ in range(16)]
    # 4 x log 3 = 4.39 at the start: three equal heads weighted 2, 1, 1
    assert losses[0] == pytest.approx(4.39, abs=0.4)
    assert losses[-1] < 0.6 * losses[0]


def test_step__never_moves_the_landmark_branch():
    recipe = TrainConfig(lr=1e-2)
    step = fresh(recipe)
    model = step.model
    before = {k: v.clone() for k, v in model.landmark_backbone.state_dict().items()}
    step(prepared(model, recipe), TARGETS)
    assert all(torch.equal(before[k], v) for k, v in model.landmark_backbone.state_dict().items())


def test_step__sam_computes_the_frozen_landmarks_once():
    recipe = TrainConfig()
    step = fresh(recipe)
    model = step.model
    calls = []
    model.landmark_backbone.register_forward_hook(lambda *args: calls.append(1))
    step(prepared(model, recipe), TARGETS)
    assert len(calls) == 1


@pytest.mark.parametrize(("report", "passes"), [("first", 1), ("both", 2)])
def test_step__reports_sams_first_pass_or_both(report: Literal["first", "both"], passes: int):
    recipe = replace(TrainConfig(), sam=SamConfig(rho=2.0, report=report))
    step = fresh(recipe)
    outputs: list[tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]] = []
    step.network.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    result = step(prepared(step.model, recipe), TARGETS)
    losses = [loss.item() for loss, _, _ in outputs]
    assert losses[1] != losses[0]
    assert result.loss == pytest.approx(sum(losses[:passes]) / passes)
    assert result.terms["cba"] == pytest.approx(sum(float(terms["cba"]) for _, terms, _ in outputs[:passes]) / passes)
    hits = [int((p_vit.argmax(dim=1) == TARGETS).sum()) for _, _, p_vit in outputs]
    assert result.correct == sum(hits[:passes]) / passes


@pytest.mark.parametrize(("still", "updates"), [(False, 2), (True, 1)])
def test_step__batch_norm_in_sams_second_pass(still: bool, updates: int):
    # the official code updates statistics in both passes; with momentum 0.1 the share of the old mean is 0.9 per
    # update, but the second pass sees moved weights, so the count of effective updates is read from a layer before any of them
    recipe = replace(TrainConfig(), sam=SamConfig(rho=1e-9, freeze_bn_second=still))
    step = fresh(recipe)
    model = step.model
    norm = model.image_backbone.stem[1]
    assert isinstance(norm, torch.nn.BatchNorm2d)
    norm.running_mean.fill_(100.0)
    images = prepared(model, recipe)
    batch_mean = model.image_backbone.stem[0](images).mean(dim=(0, 2, 3))
    step(images, TARGETS)
    expected = 100 * 0.9**updates + batch_mean * (1 - 0.9**updates)
    torch.testing.assert_close(norm.running_mean, expected.detach(), atol=1e-3, rtol=0)


def test_step__takes_sams_second_gradient_at_the_perturbed_weights():
    # one SGD step by hand: g at w, then g' at w + rho g / |g|, then w - lr g'
    recipe = replace(TrainConfig(), optimizer="sgd", lr=0.1, sam=SamConfig(rho=0.5))
    step = fresh(recipe)
    model = step.model
    reference = fresh(recipe).model
    images = prepared(model, recipe)
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
    step(images, TARGETS)
    moved = [p.detach() for p in model.parameters() if p.requires_grad]
    # Nesterov momentum 0.9: the first step is lr (g' + 0.9 g')
    for now, before, g in zip(moved, start, second, strict=True):
        torch.testing.assert_close(now, before - 0.1 * 1.9 * g, atol=1e-5, rtol=1e-3)


def test_step__with_loss_scaling_leaves_a_gradient_that_overflows_to_the_scaler():
    step = fresh(TrainConfig(amp="fp16", lr=1e-3, sam=SamConfig(rho=0.0)))
    assert step.scaler is not None
    step.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120)
    before = {name: value.clone() for name, value in step.model.named_parameters()}
    result = step(prepared(step.model, step.config), TARGETS)
    assert torch.isfinite(torch.tensor(result.loss))
    assert all(torch.equal(before[name], value) for name, value in step.model.named_parameters())
    assert step.scaler.get_scale() == 2.0**119, "less from now on"


def test_step__reads_values_from_the_device_at_most_twice(monkeypatch: pytest.MonkeyPatch):
    # once whether SAM's direction is finite, once for all numbers of the result
    reads = []
    for name in ("tolist", "item", "__bool__"):
        real = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda self, real=real, name=name: (reads.append(name), real(self))[1])
    step = fresh(TrainConfig(optimizer="sgd", lr=1e-3))  # Adam counts its steps on the CPU, and reads the count
    images = prepared(step.model, step.config)
    reads.clear()
    step(images, TARGETS)
    assert len(reads) <= 2


def frozen_norms(step: OptimisationStep) -> OptimisationStep:
    """Batch norm that does not look at the batch: what is left to compare is the loss."""
    for module in step.model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train = lambda mode=True, module=module: module  # type: ignore[method-assign]
            module.training = False
    return step


def test_step__parts_of_a_batch_add_up_to_its_gradient():
    # without the losses that look across the batch, and with still batch norm, cutting the batch changes nothing
    recipe = TrainConfig(optimizer="sgd", momentum=0.0, lr=0.0, loss=LossConfig(bt=0, cba=0), sam=SamConfig(rho=0.05))
    results = []
    for accumulate in (1, 4):  # 6 images in 4 parts: 2, 2, 1, 1
        step = frozen_norms(fresh(replace(recipe, accumulate=accumulate)))
        result = step(prepared(step.model, recipe), TARGETS)
        results.append((result, gradients(step.model)))
    (whole, first), (parts, second) = results
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert (parts.correct, parts.images) == (whole.correct, 6)
    torch.testing.assert_close(second, first, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_step__half_precision_points_the_same_way(amp: str):
    recipe = TrainConfig(optimizer="sgd", momentum=0.0, lr=0.0, sam=SamConfig(rho=0.0))
    exact, half = fresh(recipe), fresh(replace(recipe, amp=amp))
    images = prepared(exact.model, recipe)
    full, low = exact(images, TARGETS), half(images, TARGETS)
    assert low.loss == pytest.approx(full.loss, rel=0.02)
    # the scaler's factor is taken out again before the step
    torch.testing.assert_close(gradients(half.model).norm(), gradients(exact.model).norm(), rtol=0.1, atol=0)
    assert torch.cosine_similarity(gradients(half.model), gradients(exact.model), dim=0) > 0.98


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_step__class_batch_attention_and_losses_stay_in_float32(amp: str):
    step = fresh(TrainConfig(amp=amp, sam=SamConfig(rho=0.0)))
    dtypes = {}
    step.model.batch.cba.embed.register_forward_hook(lambda module, inputs, out: dtypes.update(embedding=out.dtype))
    step.model.batch.register_forward_hook(
        lambda module, inputs, out: dtypes.update(p_cba=out[0].dtype, p_bt=out[1].dtype)
    )
    step.model.vit.register_forward_hook(lambda module, inputs, out: dtypes.update(p_vit=out.dtype))
    step(prepared(step.model, step.config), TARGETS)
    half = torch.bfloat16 if amp == "bf16" else torch.float16
    assert dtypes == {"embedding": torch.float32, "p_cba": torch.float32, "p_bt": torch.float32, "p_vit": half}


@pytest.mark.slow
# Python 3.13.0 has a bug that makes torch's guards slower, and torch warns about it
@pytest.mark.filterwarnings(r"ignore:Guards may run slower on Python 3\.13\.0:RuntimeWarning")
def test_step__compiled_is_the_same_step(monkeypatch: pytest.MonkeyPatch):
    # the compiler captures the pass and its gradients; that they become C++, which takes minutes, is torch's own part
    usual, captured = torch.nn.Module.compile, []

    def capture(module: torch.nn.Module) -> None:
        captured.append(module)
        usual(module, backend="aot_eager")

    monkeypatch.setattr(torch.nn.Module, "compile", capture)
    recipe = TrainConfig(optimizer="sgd", momentum=0.0, lr=0.0)
    plain, compiled = fresh(recipe), fresh(replace(recipe, compile=True))
    images = prepared(plain.model, recipe)
    assert compiled(images, TARGETS).loss == pytest.approx(plain(images, TARGETS).loss, rel=1e-4)
    assert torch.cosine_similarity(gradients(compiled.model), gradients(plain.model), dim=0) > 0.9999
    assert captured == [compiled.network]
    assert list(compiled.model.state_dict()) == list(plain.model.state_dict()), "weights keep their names"


def test_step__balanced_softmax_adds_the_log_of_each_classs_share():
    # by hand: cross-entropy of logits + log(1/2, 1/4, 1/4), for the classifier alone
    recipe = TrainConfig(lr=0.0, loss=LossConfig(vit=1, bt=0, cba=0, logit_adjustment=1.0), sam=SamConfig(rho=0.0))
    log_prior = torch.tensor([0.5, 0.25, 0.25]).log()
    torch.manual_seed(0)
    step = OptimisationStep(BTN(TINY, 3), recipe, log_prior=log_prior)
    images = prepared(step.model, recipe)
    step.model.train()
    shifted = (step.model.forward_batch(images).p_vit.detach() + log_prior).double()
    expected = -(shifted - shifted.exp().sum(dim=1, keepdim=True).log())[range(6), TARGETS].mean()
    assert step(images, TARGETS).loss == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("amp", ["off", "bf16"])
def test_step__has_the_loss_and_gradient_of_float32_on_every_device(device: str, amp: Literal["off", "bf16"]):
    recipe = TrainConfig(channels_last=True)
    expected, moved = fresh(recipe), BTN(TINY, 3)
    torch.manual_seed(0)
    moved.load_state_dict(fresh(recipe).model.state_dict())
    step = OptimisationStep(moved.to(device).to(memory_format=torch.channels_last), replace(recipe, amp=amp))
    images = prepared(expected.model, recipe)
    torch.manual_seed(1)  # of drop path
    before = expected(images, TARGETS).loss
    torch.manual_seed(1)
    result = step(images.to(device).contiguous(memory_format=torch.channels_last), TARGETS.to(device))
    assert result.loss == pytest.approx(before, rel=0.15)  # a GPU has other random numbers for drop path
    assert {p.device.type for p in step.model.parameters()} == {device}
    assert all(bool(p.grad.isfinite().all()) for p in step.model.parameters() if p.grad is not None)
