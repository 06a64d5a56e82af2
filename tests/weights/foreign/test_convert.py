from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from fercli.config.presets import model_preset
from fercli.errors import RefusedError, UsageError, WeightsError
from fercli.models.backbones import image_backbone
from fercli.models.ir50 import IRBackbone
from fercli.weights.classifier import load_classifier
from fercli.weights.files import load_part, load_weights, read_card
from fercli.weights.foreign.conversion import Conversion
from fercli.weights.foreign.convert import convert
from fercli.weights.foreign.formats import FORMATS

STAGES = ((64, 64, 3), (64, 128, 4), (128, 256, 14))


def _norm(name, channels):
    state = {f"{name}.{leaf}": torch.rand(channels) + 0.5 for leaf in ("weight", "bias", "running_mean", "running_var")}
    return state | {f"{name}.num_batches_tracked": torch.tensor(5)}


def _ir_block(name, first, channels):
    state = _norm(f"{name}.res_layer.0", first) | _norm(f"{name}.res_layer.4", channels)
    state |= {f"{name}.res_layer.1.weight": torch.randn(channels, first, 3, 3) / 50}
    state |= {f"{name}.res_layer.2.weight": torch.rand(channels)}
    state |= {f"{name}.res_layer.3.weight": torch.randn(channels, channels, 3, 3) / 50}
    if first != channels:
        state |= {f"{name}.shortcut_layer.0.weight": torch.randn(channels, first, 1, 1) / 10}
        state |= _norm(f"{name}.shortcut_layer.1", channels)
    return state


def _ir50(flat):
    """face.evoLVe's IR50 with random values: `body.0` to `body.23`, or POSTER_V2's `body1` to `body3`."""
    torch.manual_seed(0)
    state = {"input_layer.0.weight": torch.randn(64, 3, 3, 3), "input_layer.2.weight": torch.rand(64)}
    state |= _norm("input_layer.1", 64)
    number = 0
    for stage, (first, channels, depth) in enumerate(STAGES):
        for block in range(depth):
            name = f"body.{number}" if flat else f"body{stage + 1}.{block}"
            state |= _ir_block(name, channels if block else first, channels)
            number += 1
    if flat:
        state |= _ir_block("body.21", 256, 512)
    return state | {"output_layer.3.bias": torch.zeros(512)}


@pytest.fixture
def ir50_file(tmp_path):
    torch.save(_ir50(flat=True), tmp_path / "ir50.pth")
    return tmp_path / "ir50.pth"


@pytest.mark.slow
def test_convert__both_forms_of_ir50_give_the_same_backbone(tmp_path, ir50_file):
    torch.save(_ir50(flat=False), tmp_path / "rekeyed.pth")
    report = convert(ir50_file, tmp_path / "a.safetensors")
    convert(tmp_path / "rekeyed.pth", tmp_path / "b.safetensors")
    first, card = load_part(tmp_path / "a.safetensors")
    second, _ = load_part(tmp_path / "b.safetensors")
    assert (card.part, report.format, report.labels) == ("image_backbone", "ir50", ())
    assert card.provenance["file"] == "ir50.pth"
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert set(report.dropped.values()) == {"fourth stage, which BTN does not use", "face-recognition head"}
    backbone = IRBackbone(model_preset("btn-base").image)
    backbone.load_state_dict({name.removeprefix("image_backbone."): value for name, value in first.items()})
    assert report.parameters == sum(parameter.numel() for parameter in backbone.parameters())


def test_convert__a_missing_tensor_is_an_error_and_leaves_no_file(tmp_path):
    state = _ir50(flat=True)
    del state["body.7.res_layer.3.weight"]
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(
        WeightsError, match=r"1 of \d+ tensors missing \(image_backbone\.stages\.2\.0\.residual\.3\.weight"
    ):
        convert(tmp_path / "cut.pth", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_convert__a_tensor_of_another_size_is_an_error(tmp_path):
    torch.save(_ir50(flat=True) | {"body.0.res_layer.2.weight": torch.ones(65)}, tmp_path / "odd.pth")
    with pytest.raises(
        WeightsError, match=r"another shape than face\.evoLVe's IR50: body\.0\.res_layer\.2\.weight \[65\]"
    ):
        convert(tmp_path / "odd.pth", tmp_path / "out.safetensors")


def test_convert__an_unknown_checkpoint_shows_its_tensors(tmp_path):
    torch.save({"layer1.weight": torch.ones(1)}, tmp_path / "resnet.pth")
    with pytest.raises(WeightsError, match=r"first tensors are layer1\.weight"):
        convert(tmp_path / "resnet.pth", tmp_path / "out.safetensors")


def test_convert__options_that_do_not_apply_are_refused(tmp_path, ir50_file):
    out = tmp_path / "out.safetensors"
    with pytest.raises(UsageError, match="--labels is for whole models"):
        convert(ir50_file, out, labels="rafdb")
    with pytest.raises(UsageError, match=r"--faces does not apply to face\.evoLVe's IR50"):
        convert(ir50_file, out, faces=tmp_path)
    with pytest.raises(UsageError, match="unknown checkpoint format"):
        convert(ir50_file, out, source_format="vgg")
    with pytest.raises(UsageError, match=r"must end in \.safetensors"):
        convert(ir50_file, tmp_path / "out.pt")
    with pytest.raises(UsageError, match="nothing to convert"):
        convert(tmp_path / "w.safetensors", out)
    assert not out.exists()


def test_convert__an_existing_output_is_kept(tmp_path, ir50_file):
    (tmp_path / "out.safetensors").write_text("mine")
    with pytest.raises(RefusedError, match="already"):
        convert(ir50_file, tmp_path / "out.safetensors")
    convert(ir50_file, tmp_path / "out.safetensors", overwrite=True)
    assert load_part(tmp_path / "out.safetensors")[1].part == "image_backbone"


@pytest.fixture(scope="module")
def poster_file(foreign, tmp_path_factory):
    """A POSTER_V2 checkpoint with zeros under its real names and shapes."""
    state = {name: torch.zeros(()).expand(shape) for name, shape in foreign.poster_v2().items()}
    return foreign.save(tmp_path_factory.mktemp("poster") / "poster.pth", state)


def test_convert__poster_v2_does_not_guess_what_its_classes_are(poster_file, tmp_path):
    with pytest.raises(UsageError, match="7 classes but not their names") as caught:
        convert(poster_file, tmp_path / "out.safetensors")
    assert caught.value.fix is not None
    assert {"rafdb", "affectnet7"} <= set(caught.value.fix.removeprefix("--labels ").split(" | "))
    with pytest.raises(UsageError, match="affectnet8 has 8 classes, the file has 7"):
        convert(poster_file, tmp_path / "out.safetensors", labels="affectnet8")


@pytest.mark.slow
def test_convert__poster_v2_becomes_a_model_that_runs(poster_file, tmp_path):
    out = tmp_path / "out.safetensors"
    report = convert(poster_file, out, labels="rafdb")
    assert report.labels[0] == "surprise"
    card = read_card(out)
    assert card.model.landmark.input == "imagenet"
    assert (card.schema, card.crop.name) == ("rafdb", "arcface")
    answers = load_classifier(out, device="cpu").classify(np.zeros((1, 224, 224, 3), np.uint8))
    np.testing.assert_allclose(answers, 1 / 7, atol=1e-6)  # zeros everywhere: no class is preferred


@pytest.mark.shared
def test_convert__the_real_landmark_network_becomes_a_backbone(shared, tmp_path):
    report = convert(shared / "weights" / "mobilefacenet_68.pt", tmp_path / "out.safetensors")
    state, card = load_part(tmp_path / "out.safetensors")
    assert (card.part, report.format) == ("landmark_backbone", "mobilefacenet")
    assert len(report.renamed) + len(report.dropped) == 333
    assert report.parameters == 1_007_248 - 96_016  # all, but for the head
    # the same numbers under two names: the first convolution
    theirs = torch.load(shared / "weights" / "mobilefacenet_68.pt", weights_only=True)
    assert torch.equal(state["landmark_backbone.conv1.0.weight"], theirs["conv1.conv.weight"])


def test_convert__face_resnet_measures_statistics_on_faces(tmp_path):
    torch.manual_seed(0)
    net = image_backbone(model_preset("btn-compact").image)
    state = {f"image_backbone.{name}": value for name, value in net.state_dict().items()}
    fake = replace(FORMATS["face_resnet"], read=lambda _path: {}, convert=lambda _arrays: Conversion(state, {}, {}))
    (tmp_path / "faces").mkdir()
    for number in range(3):
        Image.fromarray(np.full((20, 30, 3), 80 * number, np.uint8)).save(tmp_path / "faces" / f"{number}.png")
    out = tmp_path / "out.safetensors"
    report = convert(tmp_path / "m.json", out, faces=tmp_path / "faces", formats={"face_resnet": fake})
    assert report.statistics_faces == 3
    written, card = load_part(out)
    assert (card.provenance["statistics_faces"], card.provenance["source"]) == ("3", "face_resnet")
    assert not torch.equal(written["image_backbone.stem.1.running_mean"], state["image_backbone.stem.1.running_mean"])


def test_convert__a_backbone_is_not_taken_for_a_model(tmp_path, ir50_file):
    convert(ir50_file, tmp_path / "out.safetensors")
    with pytest.raises(WeightsError, match="only the image_backbone"):
        load_weights(tmp_path / "out.safetensors")
