"""Label conventions: mixtures of heads by hand, the facts of each convention, and both engines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.errors import UsageError, WeightsError
from fercli.models.btn import BTN
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import load_classifier
from fercli.weights.conventions import Convention, describe_convention, fold_heads
from fercli.weights.files import save_weights
from fercli.weights.network import load_btn, with_convention

CONFIG = replace(model_preset("btn-tiny"), conventions=("perceived", "posed"))
CARD = WeightsCard(
    name="three",
    version="6",
    labels=("neutral", "happiness", "anger"),
    schema="three",
    crop=template("arcface"),
    model=CONFIG,
    temperature=2.0,
    abstain_below=0.5,
    convention="mixed",
    mixture={"votes": 1.0, "owner": 0.5},
    conventions=(Convention("perceived", temperature=1.5, abstain_below=0.4), Convention("posed", temperature=3.0)),
)
CROPS = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), np.uint8)


@pytest.fixture
def torch_file(tmp_path):
    torch.manual_seed(0)
    model = BTN(CONFIG, 3, training_parts=False)
    for head in (model.vit.head, *model.vit.convention_heads.values()):
        torch.nn.init.normal_(head.weight)
    save_weights(tmp_path / "w.safetensors", model.state_dict(), CARD)
    return tmp_path / "w.safetensors"


@pytest.fixture
def onnx_file(tmp_path):
    """A graph whose default logits are the mean of each channel, with one and two times these for the others."""
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 48, 48])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3])
        for name in ("logits", "logits_perceived", "logits_posed")
    ]
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["logits"], keepdims=0),
        helper.make_node("Neg", ["logits"], ["logits_perceived"]),
        helper.make_node("Add", ["logits", "logits"], ["logits_posed"]),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])
    graph = helper.make_graph(nodes, "means", [images], outputs, [axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"card": CARD.to_json()})
    onnx.save(model, tmp_path / "means.onnx")
    return tmp_path / "means.onnx"


def _log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def test_fold_heads__is_the_sum_of_log_probabilities():
    draw = np.random.default_rng(0)
    features = draw.normal(size=(5, 4))
    weights, biases = draw.normal(size=(2, 3, 4)), draw.normal(size=(2, 3))
    log_probabilities = [_log_softmax(features @ weight.T + bias) for weight, bias in zip(weights, biases, strict=True)]
    state = {
        f"{name}.{part}": torch.tensor(values[index])
        for index, name in enumerate(("votes", "owner"))
        for part, values in (("weight", weights), ("bias", biases))
    }
    offsets = np.array([0.1, -0.2, 0.3])
    weight, bias = fold_heads(state, {"votes": 1.0, "owner": 0.5}, offsets=torch.tensor(offsets))
    folded = features @ weight.double().numpy().T + bias.double().numpy()
    expected = log_probabilities[0] + 0.5 * log_probabilities[1] + offsets
    np.testing.assert_allclose(_log_softmax(folded), _log_softmax(expected), atol=1e-5)


def test_fold_heads__refuses_a_head_that_is_not_there():
    with pytest.raises(WeightsError, match="there is no head owner"):
        fold_heads({"votes.weight": torch.zeros(3, 4), "votes.bias": torch.zeros(3)}, {"votes": 1, "owner": 1})


def test_card__comes_back_from_json_with_its_conventions():
    assert WeightsCard.from_json(CARD.to_json(), where="here") == CARD


def test_for_convention__has_the_facts_of_that_convention_and_keeps_those_of_the_others():
    posed = CARD.for_convention("posed")
    assert (posed.convention, posed.temperature, posed.abstain_below, posed.head) == ("posed", 3.0, 0.0, "posed")
    assert posed.convention_names == ("posed", "perceived", "mixed")
    assert posed.for_convention("mixed").temperature == 2.0
    assert posed.for_convention("mixed").mixture == {"votes": 1.0, "owner": 0.5}
    assert CARD.for_convention(None) is CARD
    assert CARD.head is None


@pytest.mark.parametrize(
    ("card", "message", "fix"),
    [
        (CARD, "three 6 has no label convention 'felt': it has mixed, perceived, posed", "--convention mixed | "),
        (replace(CARD, model=model_preset("btn-tiny"), convention=None, conventions=()), "it has no conv", "omit"),
    ],
)
def test_for_convention__says_which_conventions_there_are(card, message, fix):
    with pytest.raises(UsageError) as caught:
        card.for_convention("felt")
    assert message in caught.value.message
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    "changes",
    [
        {"conventions": (Convention("perceived"),)},  # the network has a head for posed too
        {"conventions": ()},
        {"convention": None},
        {"convention": "posed"},
        {"model": model_preset("btn-tiny")},
    ],
)
def test_card__has_one_entry_for_every_head(changes):
    if changes == {"convention": None}:
        changes = {"convention": None, "conventions": ()}
    with pytest.raises(WeightsError, match="do not match the heads"):
        replace(CARD, **changes)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ({"neutral": 1.0}, "prior has shares of neutral"),
        ({"neutral": 0.5, "happiness": 0.5, "anger": 0.5}, "must be positive and sum to 1"),
        ({"neutral": 1.0, "happiness": 0.0, "anger": 0.0}, "must be positive and sum to 1"),
    ],
)
def test_card__checks_the_class_shares(prior, message):
    with pytest.raises(WeightsError, match=message):
        replace(CARD, prior=prior)
    with pytest.raises(WeightsError, match=message):
        replace(CARD, conventions=(Convention("perceived", prior=prior), Convention("posed")))


def test_open_onnx__reads_the_output_and_the_temperature_of_the_convention(onnx_file):
    default, perceived, posed = (
        load_classifier(onnx_file, device="cpu", convention=name) for name in (None, "perceived", "posed")
    )
    logits = default.logits(CROPS)
    np.testing.assert_allclose(perceived.logits(CROPS), -logits, atol=1e-6)
    np.testing.assert_allclose(posed.logits(CROPS), 2 * logits, atol=1e-6)
    raised = np.exp(2 * logits / 3.0)  # posed has temperature 3
    np.testing.assert_allclose(posed.classify(CROPS), raised / raised.sum(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_array_equal(load_classifier(onnx_file, device="cpu", convention="mixed").logits(CROPS), logits)


def test_open_torch__applies_the_head_of_the_convention(torch_file):
    model, _ = load_btn(torch_file)
    features = []
    model.vit.gate.register_forward_hook(lambda module, inputs, output: features.append(output))
    mixed, posed = (load_classifier(torch_file, device="cpu", convention=name) for name in (None, "posed"))
    with torch.inference_mode():
        crops = torch.from_numpy(CROPS.transpose(0, 3, 1, 2)).float() / 255
        mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (CONFIG.input.mean, CONFIG.input.std))
        if CONFIG.input.colour == "grey":
            crops = (
                (crops * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1))
                .sum(1, keepdim=True)
                .expand(-1, 3, -1, -1)
            )
        model((crops - mean) / std)
        state = model.state_dict()
        for classifier, key in ((mixed, "vit.head"), (posed, "vit.convention_heads.posed")):
            expected = features[0] @ state[f"{key}.weight"].T + state[f"{key}.bias"]
            np.testing.assert_allclose(classifier.logits(CROPS), expected.numpy(), atol=1e-3)
    assert posed.card.temperature == 3.0


def test_forward_conventions__are_the_logits_of_every_head(torch_file):
    model, _ = load_btn(torch_file)
    images = torch.randn(2, 3, 48, 48)
    with torch.inference_mode():
        default, perceived, posed = model.forward_conventions(images)
        torch.testing.assert_close(default, model(images))
        torch.testing.assert_close(perceived, model(images, "perceived"))
        torch.testing.assert_close(posed, model(images, "posed"))
    assert not torch.allclose(perceived, posed)


def test_with_convention__keeps_one_head_as_the_default(torch_file):
    model, card = load_btn(torch_file)
    kept, card_kept = with_convention(model, card, "posed")
    images = torch.randn(2, 3, 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(kept(images), model(images, "posed"))
    assert (card_kept.convention, card_kept.temperature, card_kept.conventions) == ("posed", 3.0, ())
    assert not any("convention_heads" in key for key in kept.state_dict())
    assert with_convention(model, card, None) == (model, card)


def test_describe_convention__says_what_a_label_means():
    assert describe_convention("posed") == ("posed: the expression that the person was asked to show or meant to show")
    assert describe_convention("felt") == "felt"
