import json

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from fercli.core.card import WeightsCard
from fercli.core.preprocess import to_input
from fercli.errors import RefusedError, UsageError, WeightsError
from fercli.labels import schema
from fercli.models.btn import BTN
from fercli.presets import model_preset
from fercli.steps import export as step
from fercli.steps.export import compare, export
from fercli.store.inference import load_classifier
from fercli.store.onnx import OPSET
from fercli.store.weights import read_card, save_weights
from fercli.templates import template

pytestmark = pytest.mark.slow  # the exporter takes seconds


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A small model with random weights whose logits are far apart."""
    torch.manual_seed(0)
    config = model_preset("btn-tiny")
    model = BTN(config, 8)
    nn.init.normal_(model.vit.head.weight)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    card = WeightsCard(
        name="tiny",
        version="1",
        labels=schema("ferplus").names,
        schema="ferplus",
        crop=template("fer2013"),
        model=config,
        temperature=2.0,
    )
    save_weights(path, model.inference_state(), card)
    return path


@pytest.fixture(scope="module")
def exported(weights):
    return export(weights, weights.with_suffix(".onnx"))


def test_export__proof_is_in_the_report_and_in_the_file(exported):
    assert exported.parity.max_difference < 1e-4
    assert exported.parity.top1_agreement == 1
    assert exported.parity.batches == (1, 3, 7, 16)
    properties = {entry.key: entry.value for entry in onnx.load(exported.out).metadata_props}
    assert json.loads(properties["parity"])["max_difference"] == exported.parity.max_difference


def test_export__graph_has_the_stated_interface(exported):
    model = onnx.load(exported.out)
    (given,), (answer,) = model.graph.input, model.graph.output
    assert (given.name, answer.name) == ("images", "logits")
    assert [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim] == ["batch", 3, 48, 48]
    assert [dim.dim_param or dim.dim_value for dim in answer.type.tensor_type.shape.dim] == ["batch", 8]
    assert model.opset_import[0].version == OPSET
    assert model.producer_name == "fercli"


def test_export__card_travels_along(exported, weights):
    assert read_card(exported.out) == read_card(weights)


def test_export__nothing_of_the_machine_or_of_training_is_inside(exported):
    content = exported.out.read_bytes()
    for stray in (b"stack_trace", b"site-packages", b"/fercli/", b"batch.mla", b"batch.cba"):
        assert stray not in content


def test_export__both_engines_give_the_same_probabilities_on_a_face(exported, weights, astronaut):
    crop = np.ascontiguousarray(astronaut[40:232:4, 130:322:4])  # [48, 48, 3]
    crops = np.stack([crop, crop[:, ::-1], crop[::-1]])
    by_onnx = load_classifier(exported.out, device="cpu")
    by_torch = load_classifier(weights, device="cpu")
    assert (by_onnx.engine, by_onnx.device) == ("onnx", "cpu")
    assert (by_torch.engine, by_torch.device) == ("torch", "cpu")
    np.testing.assert_allclose(by_onnx.classify(crops), by_torch.classify(crops), atol=1e-5)


def test_export__compares_on_faces_where_given(exported, weights, tmp_path, astronaut, monkeypatch):
    from PIL import Image

    monkeypatch.setattr(step, "translate", lambda model, card: onnx.load(exported.out))
    for name in ("a", "b"):
        Image.fromarray(astronaut[:100, :90]).save(tmp_path / f"{name}.png")
    report = export(weights, tmp_path / "out.onnx", faces=tmp_path)
    assert report.parity.images == "faces"


def test_export__a_file_that_disagrees_is_not_kept(exported, weights, tmp_path, monkeypatch):
    graph = onnx.load(exported.out)
    head = next(tensor for tensor in graph.graph.initializer if tensor.name == "vit.head.weight")
    head.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(head) * np.float32(1.01), head.name))
    monkeypatch.setattr(step, "translate", lambda model, card: graph)
    with pytest.raises(RefusedError, match="disagree: logits differ by up to 0"):
        export(weights, tmp_path / "out.onnx")
    assert list(tmp_path.iterdir()) == []


def test_compare__sees_a_changed_class(exported, weights):
    class Negated(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, images):
            return -self.model(images)

    state_model = BTN(model_preset("btn-tiny"), 8, training_parts=False).eval()
    images = to_input(np.full((1, 48, 48, 3), 90, np.uint8), model_preset("btn-tiny").input)
    assert compare(Negated(state_model), exported.out, images, images="generated").top1_agreement < 1


def test_export__refuses_an_output_that_is_there(exported, weights):
    with pytest.raises(RefusedError, match="already there"):
        export(weights, exported.out)


@pytest.mark.parametrize(("source", "out"), [("w.safetensors", "out.pt"), ("w.onnx", "out.onnx")])
def test_export__refuses_other_suffixes(tmp_path, source, out):
    with pytest.raises(UsageError):
        export(tmp_path / source, tmp_path / out)


def test_export__weights_of_another_model_are_refused(tmp_path, weights):
    card = read_card(weights)
    save_weights(tmp_path / "w.safetensors", {"vit.norm.weight": torch.zeros(3)}, card)
    with pytest.raises(WeightsError, match="does not fit the model"):
        export(tmp_path / "w.safetensors", tmp_path / "out.onnx")
