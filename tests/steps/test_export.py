import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from fercli.core.card import WeightsCard
from fercli.errors import RefusedError, UsageError, WeightsError
from fercli.labels import schema
from fercli.models.btn import BTN
from fercli.presets import model_preset
from fercli.steps import export as step
from fercli.steps.export import export, export_program
from fercli.store.exported import parity
from fercli.store.exported.parity import compare_onnx
from fercli.store.exported.program import open_program
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
    return export(weights, weights.with_suffix(".onnx"), store="fp32")


@pytest.fixture(scope="module")
def halved(exported, weights):
    """The same model with its weights stored in half precision; translated once for both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "translate", lambda model, card: onnx.load(exported.out))
        return export(weights, weights.with_name("half.onnx"), store="fp16")


def test_export__proof_is_in_the_report_and_in_the_file(exported):
    assert exported.parity.max_difference < 1e-4
    assert exported.parity.top1_agreement == 1
    assert exported.parity.batches == (1, 2, 7, 32)
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


def test_export__halves_are_half_as_large_and_answer_within_the_stated_rounding(exported, halved, astronaut):
    assert halved.size_bytes < 0.6 * exported.size_bytes
    assert halved.parity.translation == exported.parity.max_difference
    assert 0 < halved.parity.max_difference < 0.05
    crops = np.ascontiguousarray(astronaut[40:232:4, 130:322:4])[None]
    difference = np.abs(load_classifier(exported.out).logits(crops) - load_classifier(halved.out).logits(crops)).max()
    assert 0 < difference < 5 * halved.parity.max_difference
    stored = json.loads({entry.key: entry.value for entry in onnx.load(halved.out).metadata_props}["stored"])
    assert (stored["as"], stored["tensors"]) == ("float16", halved.halves.tensors)


def test_export__halves_are_unpacked_once_when_the_file_is_loaded(halved, tmp_path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(halved.out, options, providers=["CPUExecutionProvider"])
    operators = {node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node}
    assert "Conv" in operators or "FusedConv" in operators
    assert not operators & {"Cast", "GatherND"}


def test_export__weights_that_change_too_much_as_halves_are_refused(exported, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(step, "translate", lambda model, card: onnx.load(exported.out))
    monkeypatch.setitem(parity._LIMITS, "stored", (1e-7, 0.0))
    with pytest.raises(RefusedError, match="weights stored as float16 change a logit"):
        export(weights, tmp_path / "out.onnx")
    assert list(tmp_path.iterdir()) == []


def test_compare__sees_a_changed_class(exported):
    crops = np.full((1, 48, 48, 3), 90, np.uint8)
    file = load_classifier(exported.out)
    asked = {"card": file.card, "interface": "images", "images": "generated"}
    assert compare_onnx(file.logits, exported.out, crops, **asked).top1_agreement == 1
    assert compare_onnx(lambda batch: -file.logits(batch), exported.out, crops, **asked).top1_agreement == 0


def test_export_program__runs_without_this_package_at_any_batch(weights, tmp_path):
    report = export_program(weights, tmp_path / "tiny.pt2")
    assert report.parity.max_difference < 1e-4
    code = (
        "import sys, torch; extra = {'card': ''};"
        f"run = torch.export.load({str(report.out)!r}, extra_files=extra).module();"
        "print(tuple(run(torch.zeros(5, 3, 48, 48)).shape), 'ferplus' in extra['card'], 'fercli' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert told.stdout.split("\n")[0] == "(5, 8) True False"
    answers, card = open_program(report.out)
    crops = np.full((3, 48, 48, 3), 90, np.uint8)
    np.testing.assert_allclose(answers(crops), load_classifier(weights).logits(crops), atol=1e-4)
    assert card == read_card(weights)
    with pytest.raises(UsageError, match=r"must end in \.pt2"):
        export_program(weights, tmp_path / "tiny.pt")


@pytest.mark.parametrize("interface", ["crops", "faces"])
def test_export__a_file_with_preprocessing_inside_gives_the_same_probabilities(
    exported, weights, tmp_path, astronaut, monkeypatch, interface
):
    monkeypatch.setattr(step, "translate", lambda model, card: onnx.load(exported.out))
    report = export(weights, tmp_path / "whole.onnx", interface=interface)
    assert report.preprocessing.pictures == 6
    assert report.preprocessing.mean_difference < 0.02
    crops = np.stack([astronaut[40:232:4, 130:322:4], astronaut[:48, :48]])
    np.testing.assert_allclose(
        load_classifier(report.out).classify(crops), load_classifier(weights).classify(crops), atol=5e-3
    )


def test_export__fp16_computes_in_halves_and_keeps_its_interface(exported, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(step, "translate", lambda model, card: onnx.load(exported.out))
    report = export(weights, tmp_path / "fp16.onnx", precision="fp16")
    model = onnx.load(report.out)
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert report.size_bytes < 0.6 * exported.size_bytes
    assert 1e-4 < report.parity.max_difference < 0.2


def test_export__int8_is_calibrated_on_crops_and_small(exported, weights, tmp_path, astronaut, monkeypatch):
    from PIL import Image

    monkeypatch.setattr(step, "translate", lambda model, card: onnx.load(exported.out))
    monkeypatch.setitem(parity._LIMITS, "int8", (np.inf, 0.0))  # random weights do not say much
    for place in range(8):
        Image.fromarray(astronaut[20 * place :][:100, :90]).save(tmp_path / f"{place}.png")
    report = export(weights, tmp_path / "int8.onnx", precision="int8", faces=tmp_path)
    assert report.size_bytes < 0.4 * exported.size_bytes
    operators = [node.op_type for node in onnx.load(report.out).graph.node]
    assert operators.count("DequantizeLinear") > 50
    with pytest.raises(UsageError, match="real face crops"):
        export(weights, tmp_path / "other.onnx", precision="int8")


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
