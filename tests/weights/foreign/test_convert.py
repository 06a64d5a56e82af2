from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from fercli.config.presets import model_preset
from fercli.errors import RefusedError, UsageError, WeightsError
from fercli.models.backbones import image_backbone
from fercli.weights.files import load_part, load_weights
from fercli.weights.foreign.conversion import Conversion
from fercli.weights.foreign.convert import convert
from fercli.weights.foreign.formats import FORMATS


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
