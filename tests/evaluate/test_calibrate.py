"""Temperature and logit adjustment fitted to toy weights and faces."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.errors import DataError, RefusedError, UsageError
from fercli.evaluate.calibrate import CalibrateOptions, calibrate
from fercli.media.images import write_image
from fercli.models.btn import BTN
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import open_torch
from fercli.weights.conventions import Convention
from fercli.weights.files import load_weights, save_weights

LABELS = ("happiness", "neutral")  # not the paper's order
HEAD_BIAS = "vit.head.bias"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = BTN(MODELS["btn-tiny"], 2, training_parts=False)
    torch.nn.init.normal_(model.vit.head.weight, std=3.0)
    model.eval()
    card = WeightsCard("toy", "1", LABELS, "toy", template("arcface"), MODELS["btn-tiny"], temperature=7.0)
    save_weights(tmp_path / "toy.safetensors", model.state_dict(), card)
    bright, dark = (np.full((1, 48, 48, 3), level, np.uint8) for level in (200, 40))
    (happy,), (neutral,) = (open_torch(tmp_path / "toy.safetensors", device="cpu").logits(x) for x in (bright, dark))
    with torch.no_grad():  # tells the two apart, but names neutral always: happiness trails by 0.5 where it is there
        if happy[0] - happy[1] < neutral[0] - neutral[1]:
            model.vit.head.weight.neg_()
            happy = -happy
        model.vit.head.bias[1] += float(happy[0] - happy[1]) + 0.5
    save_weights(tmp_path / "toy.safetensors", model.state_dict(), card)
    return tmp_path / "toy.safetensors"


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Nine neutral training images to one happy one; four of each to validate and to test on."""
    draw = np.random.default_rng(0)
    for split, happy, neutral in (("train", 1, 9), ("val", 4, 4), ("test", 4, 4)):
        for name, count in (("happiness", happy), ("neutral", neutral)):
            for number in range(count):
                level = 200 if name == "happiness" else 40
                picture = draw.integers(level - 30, level + 30, (48, 48, 3), dtype=np.uint8)
                write_image(tmp_path / "faces" / split / name / f"{number}.png", picture)
    return tmp_path / "faces"


def test_calibrate__adjusts_towards_the_rare_class_in_every_engine(weights, faces, tmp_path):
    out = tmp_path / "out.safetensors"
    result = calibrate(weights, str(faces), out, CalibrateOptions(objective="mean", device="cpu"))
    assert result.tau > 0
    assert result.after[0].mean_accuracy > result.before[0].mean_accuracy == 0.5
    before, after = load_weights(weights)[0], load_weights(out)[0]
    moved = after[HEAD_BIAS] - before[HEAD_BIAS]
    # shares 0.1 and 0.9: the difference of the two shifts is tau log 9, and the rare class gets the larger one
    assert float(moved[0] - moved[1]) == pytest.approx(result.tau * np.log(9), rel=1e-5)
    assert all(torch.equal(before[name], after[name]) for name in before if name != HEAD_BIAS)
    crops = np.random.default_rng(1).integers(0, 255, (3, 48, 48, 3), dtype=np.uint8)
    gap = open_torch(out, device="cpu").logits(crops) - open_torch(weights, device="cpu").logits(crops)
    np.testing.assert_allclose(gap, np.tile(moved.numpy(), (3, 1)), atol=1e-5)


def test_calibrate__takes_a_fixed_tau_but_not_with_an_objective(weights, faces, tmp_path):
    result = calibrate(weights, str(faces), tmp_path / "out.safetensors", CalibrateOptions(tau=-0.4, device="cpu"))
    moved = load_weights(result.out)[0][HEAD_BIAS] - load_weights(weights)[0][HEAD_BIAS]
    assert float(moved[0] - moved[1]) == pytest.approx(-0.4 * np.log(9), rel=1e-5)
    assert load_weights(result.out)[1].provenance["calibrated"]["tau"] == -0.4
    for settings in ({"tau": 0.1, "objective": "mean"}, {"tau": 2.0}):
        with pytest.raises(UsageError, match="--tau"):
            CalibrateOptions(**settings)


def test_calibrate__card_states_what_was_fitted_and_the_new_scores(weights, faces, tmp_path):
    result = calibrate(
        weights, str(faces), tmp_path / "out.safetensors", CalibrateOptions(objective="both", device="cpu")
    )
    card = load_weights(tmp_path / "out.safetensors")[1]
    assert card.temperature == result.temperature != 7.0
    assert card.provenance["calibrated"]["tau"] == result.tau
    assert card.scores["val"]["accuracy"] == result.after[0].accuracy
    assert card.scores["test"]["images"] == 8


def test_calibrate__without_objective_changes_only_the_temperature(weights, faces, tmp_path):
    result = calibrate(weights, str(faces), tmp_path / "out.safetensors", CalibrateOptions(device="cpu"))
    assert result.tau == 0.0
    assert [dataclasses.replace(s, calibration_error=0) for s in result.before] == [
        dataclasses.replace(s, calibration_error=0) for s in result.after
    ]
    assert torch.equal(load_weights(weights)[0][HEAD_BIAS], load_weights(tmp_path / "out.safetensors")[0][HEAD_BIAS])


def test_calibrate__changes_on_the_card_only_what_is_given(weights, faces, tmp_path):
    for given, expected in ((None, "1"), ("2", "2")):
        out = tmp_path / f"{expected}.safetensors"
        stated = {"version": given, "notes": ("new",), "name": None}
        calibrate(weights, str(faces), out, CalibrateOptions(card=stated, device="cpu"))
        card = load_weights(out)[1]
        assert (card.version, card.notes, card.name) == (expected, ("new",), "toy")


def test_calibrate__refuses_the_test_split_an_existing_file_and_uncounted_classes(weights, faces, tmp_path):
    with pytest.raises(UsageError, match="test split"):
        CalibrateOptions(split="test")
    with pytest.raises(RefusedError):
        calibrate(weights, str(faces), weights)
    for file in (faces / "train" / "happiness").iterdir():
        file.unlink()
    with pytest.raises(DataError, match="no happiness images"):
        calibrate(weights, str(faces), tmp_path / "out.safetensors", CalibrateOptions(objective="mean", device="cpu"))


def test_calibrate__of_a_convention_changes_its_head_and_facts_alone(weights, faces, tmp_path):
    state, card = load_weights(weights)
    config = dataclasses.replace(card.model, conventions=("posed",))
    state |= {f"vit.convention_heads.posed.{part}": state[f"vit.head.{part}"].clone() for part in ("weight", "bias")}
    posed = Convention("posed", temperature=9.0, prior={"happiness": 0.5, "neutral": 0.5})
    both = dataclasses.replace(card, model=config, convention="mixed", conventions=(posed,))
    save_weights(tmp_path / "both.safetensors", state, both)
    options = CalibrateOptions(tau=1.0, convention="posed", device="cpu")
    result = calibrate(tmp_path / "both.safetensors", str(faces), tmp_path / "out.safetensors", options)
    after, changed = load_weights(result.out)
    assert torch.equal(after[HEAD_BIAS], state[HEAD_BIAS])
    assert not torch.equal(after["vit.convention_heads.posed.bias"], state["vit.convention_heads.posed.bias"])
    assert (changed.convention, changed.temperature, changed.scores) == ("mixed", 7.0, {})
    (posed,) = changed.conventions
    assert posed.temperature == result.temperature
    assert set(posed.scores) == {"val", "test"}
    assert posed.prior == pytest.approx({"happiness": 0.9, "neutral": 0.1})  # 1/1 and 1/9 of one and nine images
    assert changed.provenance["calibrated"]["convention"] == "posed"
