"""The reference step of the benchmark has the same loss and gradient as ours, in the whole network."""

from __future__ import annotations

import pytest
import torch

from fercli.bench.train import PACKAGE, REFERENCE, bench_train, cosine, measure_step
from fercli.config.presets import MODELS
from fercli.errors import UsageError


def gradient(tmp_path, name: str, *settings: str, device: str = "cpu") -> tuple[float, torch.Tensor]:
    path = tmp_path / "gradient.pt"
    seen = measure_step(
        name=name,
        model="btn-tiny",
        recipe_name="rafdb",
        settings=settings,
        batch=4,
        device=device,
        gradient=str(path),
    )
    assert seen["seconds"] > 0
    return seen["loss"], torch.load(path)


def test_measure__both_steps_compute_the_same_gradient(tmp_path):
    (reference_loss, reference), (our_loss, ours) = (gradient(tmp_path, name) for name in (REFERENCE, PACKAGE))
    assert our_loss == pytest.approx(reference_loss, rel=1e-5)
    assert 0.9999 < cosine(reference, ours) <= 1 + 1e-9
    assert len(ours) > 100_000, "the whole network's gradient"
    _, other = gradient(tmp_path, PACKAGE, "sam.rho=0")
    assert cosine(reference, other) < 0.9999, "a step without SAM differs"


def test_bench_train__refuses_unknown_settings_before_it_measures():
    with pytest.raises(UsageError, match="did you mean compile"):
        bench_train(model="btn-tiny", tries=["compil=true"])
    with pytest.raises(UsageError, match="unknown model"):
        bench_train(model="btn-huge")


@pytest.mark.slow
def test_bench_train__reports_every_variant(tmp_path):
    result = bench_train(model="btn-tiny", batch=4, rounds=1, tries=["channels_last=false"], device="cpu")
    assert [step.name for step in result.steps] == [REFERENCE, PACKAGE, "fer, channels_last=false"]
    assert all(step.cosine > 0.9999 for step in result.steps)
    assert result.speed_ratio == result.steps[0].seconds[0] / result.steps[1].seconds[0]
    assert MODELS["btn-tiny"].preset == result.model


@pytest.mark.gpu
def test_measure__both_steps_compute_the_same_gradient_on_cuda(tmp_path):
    reference, ours = (gradient(tmp_path, name, device="cuda")[1] for name in (REFERENCE, PACKAGE))
    assert cosine(reference, ours) > 0.99  # the drop path of a GPU is the same in both; TF32 rounds
