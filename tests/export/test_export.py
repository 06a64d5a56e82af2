import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from fercli.errors import DeviceError, RefusedError, UsageError, WeightsError
from fercli.export import parity
from fercli.export.export import export
from fercli.export.options import ExportOptions
from fercli.export.parity import compare_onnx
from fercli.weights.classifier import load_classifier
from fercli.weights.files import read_card, save_weights
from fercli.weights.onnx_interface import OPSET

pytestmark = pytest.mark.slow  # the exporter takes seconds


def test_export__parity_is_in_the_report_and_in_the_file(exported):
    assert exported.parity.max_difference < 1e-4
    assert exported.parity.top1_agreement == 1
    assert exported.parity.batches == (1, 2, 7, 32)
    properties = {entry.key: entry.value for entry in onnx.load(exported.out).metadata_props}
    assert json.loads(properties["parity"])["max_difference"] == exported.parity.max_difference


def test_export__graph_has_the_stated_interface(exported):
    model = onnx.load(exported.out)
    (images,), (logits,) = model.graph.input, model.graph.output
    assert (images.name, logits.name) == ("images", "logits")
    assert [dim.dim_param or dim.dim_value for dim in images.type.tensor_type.shape.dim] == ["batch", 3, 48, 48]
    assert [dim.dim_param or dim.dim_value for dim in logits.type.tensor_type.shape.dim] == ["batch", 8]
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


def test_export__compares_on_faces_where_given(translated, weights, tmp_path, astronaut):
    from PIL import Image

    for index in range(8):
        Image.fromarray(astronaut[20 * index :][:100, :90]).save(tmp_path / f"{index}.png")
    Image.fromarray(astronaut[:100, :90]).save(tmp_path / "again.png")
    report = export(weights, tmp_path / "out.onnx", ExportOptions(faces=tmp_path), translate=translated)
    assert (report.parity.images, report.parity.distinct) == ("faces", 8)


def test_export__a_file_whose_logits_differ_is_not_written(translated, weights, tmp_path):
    graph = translated(None, None, opset=None)
    head = next(tensor for tensor in graph.graph.initializer if tensor.name == "vit.head.weight")
    head.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(head) * np.float32(1.01), head.name))
    with pytest.raises(RefusedError, match="disagree: logits differ by up to 0"):
        export(weights, tmp_path / "out.onnx", translate=lambda model, card, *, opset: graph)
    assert list(tmp_path.iterdir()) == []


def test_export__float16_storage_halves_the_file_within_the_stated_rounding(exported, float16_stored, astronaut):
    assert float16_stored.size_bytes < 0.6 * exported.size_bytes
    assert float16_stored.parity.translation == exported.parity.max_difference
    assert 0 < float16_stored.parity.max_difference < 0.05
    crops = np.ascontiguousarray(astronaut[40:232:4, 130:322:4])[None]
    difference = np.abs(
        load_classifier(exported.out).logits(crops) - load_classifier(float16_stored.out).logits(crops)
    ).max()
    assert 0 < difference < 5 * float16_stored.parity.max_difference
    stored = json.loads({entry.key: entry.value for entry in onnx.load(float16_stored.out).metadata_props}["stored"])
    assert (stored["as"], stored["tensors"]) == ("float16", float16_stored.float16_storage.tensors)


def test_export__float16_weights_are_converted_once_when_the_file_is_loaded(float16_stored, tmp_path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(float16_stored.out, options, providers=["CPUExecutionProvider"])
    operators = {node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node}
    assert "Conv" in operators or "FusedConv" in operators
    assert not operators & {"Cast", "GatherND"}


def test_export__weights_that_change_too_much_as_float16_are_refused(translated, weights, tmp_path, monkeypatch):
    monkeypatch.setitem(parity.LIMITS, "stored", (1e-7, np.inf, 0.0))
    with pytest.raises(RefusedError, match="with weights stored as float16, logits differ"):
        export(weights, tmp_path / "out.onnx", translate=translated)
    assert list(tmp_path.iterdir()) == []


def test_compare_onnx__notices_a_changed_class(exported):
    crops = np.full((1, 48, 48, 3), 90, np.uint8)
    file = load_classifier(exported.out)
    options = {"card": file.card, "interface": "images", "images": "generated"}
    assert compare_onnx(file.logits, exported.out, crops, **options).top1_agreement == 1
    assert compare_onnx(lambda batch: -file.logits(batch), exported.out, crops, **options).top1_agreement == 0


@pytest.mark.parametrize("interface", ["crops", "faces"])
def test_export__a_file_with_preprocessing_inside_gives_the_same_probabilities(
    translated, weights, tmp_path, astronaut, interface, run_check
):
    report = export(weights, tmp_path / "whole.onnx", ExportOptions(interface=interface), translate=translated)
    assert report.preprocessing.pictures == 18
    assert report.preprocessing.clear_agreement == 1
    logits, check, _ = run_check(report.out)
    np.testing.assert_allclose(logits, check["logits"], atol=1e-4)
    assert (check["height"], check["width"]) == (72, 96)
    text = onnx.load(report.out).doc_string
    assert ("shown whole and centred" if interface == "crops" else "(0, 0) is the corner of the first pixel") in text
    assert report.preprocessing.mean_difference < 0.02
    crops = np.stack([astronaut[40:232:4, 130:322:4], astronaut[:48, :48]])
    np.testing.assert_allclose(
        load_classifier(report.out).classify(crops), load_classifier(weights).classify(crops), atol=5e-3
    )


@pytest.mark.parametrize("interface", ["crops", "faces"])
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_export__combines_lower_precision_and_preprocessing(
    translated, weights, tmp_path, astronaut, monkeypatch, interface, precision, run_check
):
    from PIL import Image

    monkeypatch.setitem(parity.LIMITS, "int8", (np.inf, 0.25, 0.0))  # classes of random weights are near-ties
    for index in range(8):
        Image.fromarray(astronaut[20 * index :][:100, :90]).save(tmp_path / f"{index}.png")
    options = ExportOptions(precision=precision, interface=interface, faces=tmp_path)
    report = export(weights, tmp_path / "low.onnx", options, translate=translated)
    assert (report.precision, report.interface, report.float16_storage) == (precision, interface, None)
    logits, check, _ = run_check(report.out)
    assert np.abs(logits - check["logits"]).max() <= check["tolerance"]
    crops = np.ascontiguousarray(astronaut[40:232:4, 130:322:4])[None]
    difference = load_classifier(report.out).logits(crops) - load_classifier(weights).logits(crops)
    assert 0 < np.abs(difference).max() < (0.2 if precision == "fp16" else 3 * report.parity.max_difference)


def test_export__a_file_that_the_checker_refuses_is_not_written(translated, weights, tmp_path, monkeypatch):
    def refuse(path, full_check):
        raise onnx.checker.ValidationError("broken")

    monkeypatch.setattr("onnx.checker.check_model", refuse)
    with pytest.raises(onnx.checker.ValidationError):
        export(weights, tmp_path / "out.onnx", translate=translated)
    assert list(tmp_path.iterdir()) == []


def test_export__fp16_computes_in_float16_and_keeps_its_interface(exported, translated, weights, tmp_path):
    report = export(weights, tmp_path / "fp16.onnx", ExportOptions(precision="fp16"), translate=translated)
    model = onnx.load(report.out)
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert report.size_bytes < 0.6 * exported.size_bytes
    assert 1e-4 < report.parity.max_difference < 0.2


def test_export__int8_is_calibrated_on_crops_and_small(exported, translated, weights, tmp_path, astronaut, monkeypatch):
    from PIL import Image

    monkeypatch.setitem(parity.LIMITS, "int8", (np.inf, np.inf, 0.0))  # classes of random weights are near-ties
    for index in range(8):
        Image.fromarray(astronaut[20 * index :][:100, :90]).save(tmp_path / f"{index}.png")
    report = export(
        weights, tmp_path / "int8.onnx", ExportOptions(precision="int8", faces=tmp_path), translate=translated
    )
    assert report.size_bytes < 0.4 * exported.size_bytes
    operators = [node.op_type for node in onnx.load(report.out).graph.node]
    assert operators.count("DequantizeLinear") > 50


def test_export__refuses_an_existing_output(exported, weights):
    with pytest.raises(RefusedError, match="already"):
        export(weights, exported.out)


@pytest.mark.parametrize(("source", "out"), [("w.safetensors", "out.pt"), ("w.onnx", "out.onnx")])
def test_export__refuses_other_suffixes(tmp_path, source, out):
    with pytest.raises(UsageError):
        export(tmp_path / source, tmp_path / out)


def test_export__weights_of_another_model_are_refused(tmp_path, weights):
    card = read_card(weights)
    save_weights(tmp_path / "w.safetensors", {"vit.norm.weight": torch.zeros(3)}, card)
    with pytest.raises(WeightsError, match="does not match the model"):
        export(tmp_path / "w.safetensors", tmp_path / "out.onnx")


def test_export__a_device_that_is_not_there_is_refused_before_there_is_work(weights, tmp_path, monkeypatch):
    monkeypatch.setattr("fercli.system.devices.cuda_device_count", lambda: 0)
    with pytest.raises(DeviceError, match="cuda was requested"):
        export(
            weights, tmp_path / "a.onnx", ExportOptions(device="cuda"), translate=lambda *_: pytest.fail("translated")
        )
    assert not (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize("shift", [0.0, 0.01])
def test_export__the_finished_file_is_compared_on_the_device(translated, weights, tmp_path, monkeypatch, shift):
    # a stand-in for the GPU, whose logits differ by `shift`
    usual = parity.onnx_logits

    def on_gpu(path, card, interface, *, device="cpu", batches=()):
        run, _ = usual(path, card, interface, batches=batches)
        return (lambda crops: run(crops) + np.float32(shift if device == "cuda" else 0)), f"{device}:0".replace(
            "cpu:0", "cpu"
        )

    monkeypatch.setattr("fercli.export.export.providers", lambda device: [])
    monkeypatch.setattr(parity, "onnx_logits", on_gpu)
    out, options = tmp_path / "a.onnx", ExportOptions(device="cuda", store="fp32", batches=(1, 2))
    if shift:
        with pytest.raises(RefusedError, match=r"on cuda:0 and torch disagree: logits differ by up to 0\.01"):
            export(weights, out, options, translate=translated)
        assert not out.exists()
        return
    report = export(weights, out, options, translate=translated)
    assert report.device_parity is not None
    assert report.device_parity.runtime.endswith("on cuda:0")
    assert not report.parity.runtime.endswith("on cuda:0")


@pytest.mark.gpu
def test_export__the_file_gives_the_logits_of_torch_on_cuda(translated, weights, tmp_path):
    report = export(weights, tmp_path / "a.onnx", ExportOptions(device="cuda"), translate=translated)
    assert "on cuda:0" in report.device_parity.runtime


@pytest.mark.parametrize(("opset", "interface"), [(18, "images"), (23, "crops")])
def test_export__writes_other_opsets(weights, tmp_path, opset, interface):
    options = ExportOptions(opset=opset, interface=interface, batches=(1, 2))
    report = export(weights, tmp_path / "out.onnx", options)
    assert report.opset == opset
    assert [entry.version for entry in onnx.load(report.out).opset_import if not entry.domain] == [opset]
    assert report.parity.top1_agreement == 1
