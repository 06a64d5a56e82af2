import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from fercli.bench.models import random_weights
from fercli.config.labels import schema
from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.errors import DataError, RefusedError, UsageError, WeightsError
from fercli.export import export as step
from fercli.export import parity
from fercli.export.export import export, export_program
from fercli.export.parity import compare_onnx
from fercli.export.program import open_program
from fercli.faces.crop import crop_face
from fercli.models.btn import BTN
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import load_classifier
from fercli.weights.files import read_card, save_weights
from fercli.weights.onnx_interface import OPSET

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


def _facts(path):
    """The metadata of a file, JSON read."""
    words = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    return {key: text if key in ("interface", "precision") else json.loads(text) for key, text in words.items()}


def _stranger(path):
    """What a file answers for the picture of its own check, made by the words of its metadata and doc string alone."""
    facts = _facts(path)
    check, card = facts["check"], facts["card"]
    assert check["picture"].endswith("is the remainder of (5 y + 3 x + 80 c) / 256")
    picture = np.fromfunction(
        lambda y, x, c: np.mod(5 * y + 3 * x + 80 * c, 256), (check["height"], check["width"], 3)
    ).astype(np.uint8)
    given = {"crops": picture[None]}
    if facts["interface"] == "images":
        grey = picture @ np.array([0.299, 0.587, 0.114]) / 255
        planes = (
            np.stack([grey] * 3) if card["model"]["input"]["colour"] == "grey" else picture.transpose(2, 0, 1) / 255
        )
        mean, deviation = (np.reshape(card["model"]["input"][name], (3, 1, 1)) for name in ("mean", "std"))
        given = {"images": ((planes - mean) / deviation)[None].astype(np.float32)}
    if facts["interface"] == "faces":
        given["points"] = np.array([check["points"]], np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["logits"], given)[0][0], check, card


def test_export__a_stranger_can_try_a_runtime_with_the_file_alone(exported, halved):
    for report in (exported, halved):
        logits, check, card = _stranger(report.out)
        assert check["tolerance"] == 1e-3
        np.testing.assert_allclose(logits, check["logits"], atol=1e-4)
        raised = np.exp(np.array(check["logits"]) / card["temperature"])
        np.testing.assert_allclose(check["probabilities"], raised / raised.sum(), atol=2e-4)


def test_export__the_check_tells_a_picture_that_is_mirrored_or_has_its_channels_swapped(exported):
    check = _facts(exported.out)["check"]
    y, x, c = np.mgrid[:48, :48, :3]
    picture = ((5 * y + 3 * x + 80 * c) % 256).astype(np.uint8)
    for other in (picture[:, ::-1], picture[::-1], picture.swapaxes(0, 1), picture[..., ::-1]):
        [logits] = load_classifier(exported.out, device="cpu").logits(np.ascontiguousarray(other[None]))
        assert np.abs(logits - check["logits"]).max() > 10 * check["tolerance"]


def _aligned(path, picture, points):
    """The transform [2, 3] and the crop [S, S, 3] of a face with `points` [5, 2], by a file's doc string and card alone."""
    said, card = onnx.load(path).doc_string, _facts(path)["card"]
    side = card["model"]["input"]["size"]
    template = np.array(card["crop"]["points"]) * side
    (px, py), (qx, qy) = points.mean(axis=0), template.mean(axis=0)
    (dx, dy), (ex, ey) = (points - [px, py]).T, (template - [qx, qy]).T
    assert "a = sum(dx ex + dy ey) / sum(dx dx + dy dy), b = sum(dx ey - dy ex) / sum(dx dx + dy dy)" in said
    a, b = (dx @ ex + dy @ ey) / (dx @ dx + dy @ dy), (dx @ ey - dy @ ex) / (dx @ dx + dy @ dy)
    assert "(Qx + a (x - Px) - b (y - Py), Qy + b (x - Px) + a (y - Py)) of the crop" in said
    forth = np.array([[a, -b, qx - a * px + b * py], [b, a, qy - b * px - a * py]])
    # the middles of 8 x 8 cells of every pixel, taken back to the picture
    middles = (np.arange(8 * side) + 0.5) / 8
    u, v = np.meshgrid(middles, middles)
    x, y = np.einsum("ij,jkl->ikl", np.linalg.inv(forth[:, :2]), [u - forth[0, 2], v - forth[1, 2]])
    # between the middles of pixels; (0, 0) is the corner of the first one
    height, width, _ = picture.shape
    column, row = (x - 0.5).clip(0, width - 1), (y - 0.5).clip(0, height - 1)
    left, top = np.floor(column).astype(int), np.floor(row).astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    share_x, share_y = (column - left)[..., None], (row - top)[..., None]
    above = picture[top, left] * (1 - share_x) + picture[top, right] * share_x
    below = picture[bottom, left] * (1 - share_x) + picture[bottom, right] * share_x
    fine = above * (1 - share_y) + below * share_y
    return forth, fine.reshape(side, 8, side, 8, 3).mean(axis=(1, 3)).round().astype(np.uint8)


def test_export__a_stranger_can_align_a_face_with_the_file_alone(exported, weights, astronaut):
    # not similar to the template: fits in the crop's pixels and in the picture's differ
    points = np.array([[205.0, 101.7], [246.8, 103.7], [224.7, 129.0], [201.7, 139.2], [245.3, 141.9]])
    forth, crop = _aligned(exported.out, astronaut, points)
    wanted, matrix = crop_face(astronaut, points, template("fer2013"), 48)
    np.testing.assert_allclose(forth, matrix, atol=1e-9)
    assert np.abs(crop.astype(int) - wanted).mean() < 4  # grey values, 9 with a fit in the picture; shrinking differs
    classifier = load_classifier(exported.out, device="cpu")
    np.testing.assert_allclose(classifier.classify(crop[None]), classifier.classify(wanted[None]), atol=0.05)


def test_export__the_doc_string_says_how_to_align_and_what_every_key_is(exported, halved):
    text = onnx.load(halved.out).doc_string
    for said in (
        "the eyes (the left one in the picture first), the nose and the mouth corners (left first)",
        "without mirroring",
        "the least sum of squared distances in the crop's pixels",
        "Sample bilinearly",
        "repeat its border",
        *_facts(halved.out),
        "abstain_below",
    ):
        assert said in text
    assert _facts(halved.out)["stored"]["scores"].endswith("before they were rounded")
    assert "rounded" not in _facts(exported.out)["stored"]["scores"]


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
    for place in range(8):
        Image.fromarray(astronaut[20 * place :][:100, :90]).save(tmp_path / f"{place}.png")
    Image.fromarray(astronaut[:100, :90]).save(tmp_path / "again.png")
    report = export(weights, tmp_path / "out.onnx", faces=tmp_path)
    assert (report.parity.images, report.parity.distinct) == ("faces", 8)


def test_export__too_few_different_faces_prove_nothing(weights, tmp_path, astronaut):
    from PIL import Image

    for place in range(9):
        Image.fromarray(astronaut[20 * (place % 7) :][:100, :90]).save(tmp_path / f"{place}.png")
    with pytest.raises(DataError, match="holds 7 different faces, too few"):
        export(weights, tmp_path / "out.onnx", faces=tmp_path)
    assert not (tmp_path / "out.onnx").exists()


def test_export__pictures_to_try_preprocessing_on_come_from_the_whole_folder(tmp_path):
    from PIL import Image

    for name in ("anger", "neutral", "sadness"):
        (tmp_path / name).mkdir()
        for place in range(20):
            Image.new("RGB", (4, 4), (place, 0, 0)).save(tmp_path / name / f"{place}.png")
    # 60 pictures, 32 of them: from the first to the last, not the first 32
    pictures = step._pictures(tmp_path, 48)
    assert pictures[0][0, 0, 0] == 0
    assert pictures[31][0, 0, 0] == 9  # sadness/9.png, the last by name
    # the folder's own size, and some at half, one and a half and three times the model's, none of them square
    shapes = [rgb.shape[:2] for rgb in pictures[32:]]
    assert [max(shape) / 48 for shape in shapes] == [0.5] * 3 + [1.5] * 3 + [3] * 3
    assert all(height != width for height, width in shapes)


def test_export__int8_is_not_proven_on_what_it_is_calibrated_on(tmp_path):
    from PIL import Image

    for place in range(60):
        Image.new("RGB", (4, 4), (4 * place, 0, 0)).save(tmp_path / f"{place:02}.png")
    proof, _ = step._crops(tmp_path, 48)
    taken = step._calibration(tmp_path, proof)
    assert sorted({*proof[:, 0, 0, 0], *taken[:, 0, 0, 0]}) == [4 * place for place in range(60)]
    assert (len(proof), len(taken)) == (32, 28)
    # too few for both
    (tmp_path / "few").mkdir()
    for place in range(12):
        Image.new("RGB", (4, 4), (4 * place, 0, 0)).save(tmp_path / "few" / f"{place:02}.png")
    proof, _ = step._crops(tmp_path / "few", 48)
    assert (len(proof), len(step._calibration(tmp_path / "few", proof))) == (12, 12)


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
    monkeypatch.setitem(parity._LIMITS, "stored", (1e-7, np.inf, 0.0))
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
    assert report.preprocessing.pictures == 18
    assert report.preprocessing.clear_agreement == 1
    logits, check, _ = _stranger(report.out)
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
def test_export__lower_precision_and_preprocessing_go_together(
    exported, weights, tmp_path, astronaut, monkeypatch, interface, precision
):
    from PIL import Image

    monkeypatch.setattr(step, "translate", lambda model, card: onnx.load(exported.out))
    monkeypatch.setitem(parity._LIMITS, "int8", (np.inf, 0.25, 0.0))  # classes of random weights are near-ties
    for place in range(8):
        Image.fromarray(astronaut[20 * place :][:100, :90]).save(tmp_path / f"{place}.png")
    report = export(weights, tmp_path / "low.onnx", precision=precision, interface=interface, faces=tmp_path)
    assert (report.precision, report.interface, report.halves) == (precision, interface, None)
    logits, check, _ = _stranger(report.out)
    assert np.abs(logits - check["logits"]).max() <= check["tolerance"]
    crops = np.ascontiguousarray(astronaut[40:232:4, 130:322:4])[None]
    difference = load_classifier(report.out).logits(crops) - load_classifier(weights).logits(crops)
    assert 0 < np.abs(difference).max() < (0.2 if precision == "fp16" else 3 * report.parity.max_difference)


def test_export__a_file_that_the_checker_refuses_is_not_kept(exported, weights, tmp_path, monkeypatch):
    def refuse(path, full_check):
        raise onnx.checker.ValidationError("broken")

    monkeypatch.setattr(step, "translate", lambda model, card: onnx.load(exported.out))
    monkeypatch.setattr("onnx.checker.check_model", refuse)
    with pytest.raises(onnx.checker.ValidationError):
        export(weights, tmp_path / "out.onnx")
    assert list(tmp_path.iterdir()) == []


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
    monkeypatch.setitem(parity._LIMITS, "int8", (np.inf, np.inf, 0.0))  # random weights do not say much
    for place in range(8):
        Image.fromarray(astronaut[20 * place :][:100, :90]).save(tmp_path / f"{place}.png")
    report = export(weights, tmp_path / "int8.onnx", precision="int8", faces=tmp_path)
    assert report.size_bytes < 0.4 * exported.size_bytes
    operators = [node.op_type for node in onnx.load(report.out).graph.node]
    assert operators.count("DequantizeLinear") > 50
    with pytest.raises(UsageError, match="real face crops"):
        export(weights, tmp_path / "other.onnx", precision="int8")


def test_export__the_papers_network_is_translated_for_any_batch(tmp_path, monkeypatch):
    # its public code cannot be exported: it takes the batch size for a constant
    for module in (step, parity):
        monkeypatch.setattr(module, "BATCHES", (1, 2, 7))
    report = export(random_weights("btn-base", tmp_path), tmp_path / "base.onnx", store="fp32")
    assert report.parity.batches == (1, 2, 7)
    assert report.parity.top1_agreement == 1
    assert report.parity.max_difference < 1e-3


def test_export__refuses_an_output_that_is_there(exported, weights):
    with pytest.raises(RefusedError, match="already"):
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
