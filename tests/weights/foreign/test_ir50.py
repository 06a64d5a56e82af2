"""IR50 in both published forms."""

from __future__ import annotations

import pytest
import torch

from fercli.config.presets import model_preset
from fercli.errors import WeightsError
from fercli.models.ir50 import IRBackbone
from fercli.weights.files import load_part
from fercli.weights.foreign.convert import convert


@pytest.mark.slow
def test_ir50__both_forms_give_the_same_backbone(tmp_path, ir50_file, ir50_state):
    torch.save(ir50_state(False), tmp_path / "rekeyed.pth")
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


def test_ir50__a_missing_tensor_is_an_error_and_leaves_no_file(tmp_path, ir50_state):
    state = ir50_state(True)
    del state["body.7.res_layer.3.weight"]
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(
        WeightsError, match=r"1 of \d+ tensors missing \(image_backbone\.stages\.2\.0\.residual\.3\.weight"
    ):
        convert(tmp_path / "cut.pth", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_ir50__a_tensor_of_another_size_is_an_error(tmp_path, ir50_state):
    torch.save(ir50_state(True) | {"body.0.res_layer.2.weight": torch.ones(65)}, tmp_path / "odd.pth")
    with pytest.raises(
        WeightsError, match=r"another shape than face\.evoLVe's IR50: body\.0\.res_layer\.2\.weight \[65\]"
    ):
        convert(tmp_path / "odd.pth", tmp_path / "out.safetensors")
