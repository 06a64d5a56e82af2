"""Files of --init-from: which parts they fill, and which settings their cards bring along."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fercli.config.model import BtnConfig
from fercli.config.presets import MODELS
from fercli.config.settings import override
from fercli.config.templates import template
from fercli.errors import UsageError, WeightsError
from fercli.models.btn import BTN
from fercli.train.starting_parts import describe_start, part_sources, require_parts, values_from_cards
from fercli.weights.card import WeightsCard
from fercli.weights.files import PartCard, save_part, save_weights

TINY = MODELS["btn-tiny"]


def part_file(folder: Path, part: str) -> str:
    state = {f"{part}.x": torch.zeros(1)}
    save_part(folder / f"{part}.safetensors", state, PartCard(part, {}))
    return str(folder / f"{part}.safetensors")


def whole_file(folder: Path, config: BtnConfig, name: str = "whole") -> str:
    card = WeightsCard(name, "1", ("fear", "anger"), "folder", template("arcface"), config)
    save_weights(folder / f"{name}.safetensors", {"vit.head.bias": torch.zeros(2)}, card)
    return str(folder / f"{name}.safetensors")


@pytest.mark.parametrize("model", [MODELS["btn-base"], MODELS["btn-compact"], TINY])
@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ((), ("image branch", "landmark branch")),
        (("landmark_backbone",), ("image branch",)),
        (("image_backbone",), ("landmark branch",)),
    ],
)
def test_require_parts__every_pretrained_part_needs_a_file(tmp_path: Path, model, given, missing):
    files = [part_file(tmp_path, part) for part in given]
    with pytest.raises(WeightsError) as caught:
        require_parts(files, model, from_scratch=False)
    assert all(name in caught.value.message for name in missing)
    assert ("image branch" in caught.value.message) is ("image branch" in missing)
    assert "--from-scratch" in caught.value.fix
    require_parts(files, model, from_scratch=True)


def test_require_parts__two_parts_or_a_whole_file_are_enough_and_named(tmp_path: Path):
    image, landmarks = part_file(tmp_path, "image_backbone"), part_file(tmp_path, "landmark_backbone")
    whole = whole_file(tmp_path, TINY)
    for files in ([image, landmarks], [whole]):
        require_parts(files, TINY, from_scratch=False)
    assert part_sources([whole, landmarks]) == {"image_backbone": Path(whole), "landmark_backbone": Path(landmarks)}
    text = describe_start([whole, landmarks])
    assert f"image branch from {whole}" in text
    assert f"landmark branch from {landmarks}" in text
    assert describe_start([landmarks]).startswith("starting weights: image branch random")


# what POSTER_V2's code does and btn-base does not, and further values that no shape of a tensor shows
@pytest.mark.parametrize(
    "setting",
    [
        "landmark.input=imagenet",
        "resize_mode=area",
        "input.mean=0.5,0.5,0.5",
        "input.std=0.1,0.2,0.3",
        "input.colour=rgb",
        "vit.heads=4",
        "cross.heads=2,2,4",
        "vit.embed_gelu=true",
        "input.size=64",
        "backbone_size=64",
    ],
)
def test_values_from_cards__win_over_the_preset_and_contradictions_are_refused(tmp_path: Path, setting: str):
    name = setting.partition("=")[0]
    file = whole_file(tmp_path, override(TINY, [setting]))
    taken, values = values_from_cards(TINY, [file], given=())
    assert taken == override(TINY, [setting])
    assert [value.name for value in values] == [name]
    assert setting in str(values[0])
    if name in ("input.size", "backbone_size"):  # position tables are resized to any side
        assert values_from_cards(TINY, [file], given=[name]) == (TINY, [])
    else:
        with pytest.raises(UsageError, match=name):
            values_from_cards(TINY, [file], given=[name])
    same, values = values_from_cards(taken, [file], given=[name])
    assert (same, values) == (taken, [])


def test_values_from_cards__those_of_training_stay_the_users(tmp_path: Path):
    config = override(
        TINY, ["cba.pe=learned", "mla.ffn=false", "landmark.bn=official_train", "cross.drop_path=0.1,0.1,0.1"]
    )
    assert values_from_cards(TINY, [whole_file(tmp_path, config)], given=()) == (TINY, [])


def test_values_from_cards__a_landmark_file_after_it_keeps_the_presets_input(tmp_path: Path):
    config = replace(TINY, landmark=replace(TINY.landmark, input="imagenet"))
    files = [whole_file(tmp_path, config), part_file(tmp_path, "landmark_backbone")]
    assert values_from_cards(TINY, files, given=()) == (TINY, [])
    later = [part_file(tmp_path, "landmark_backbone"), whole_file(tmp_path, config)]
    assert values_from_cards(TINY, later, given=())[0] == config


def test_values_from_cards__let_the_network_repeat_its_predictions(tmp_path: Path):
    # the same tensors with the preset's number of heads are another function
    config = override(TINY, ["vit.heads=4"])
    torch.manual_seed(0)
    trained = BTN(config, 3).eval()
    taken, _ = values_from_cards(TINY, [whole_file(tmp_path, config)], given=())
    again, wrong = BTN(taken, 3).eval(), BTN(TINY, 3).eval()
    images = torch.rand(2, 3, 48, 48)
    for network in (again, wrong):
        network.load_state_dict(trained.state_dict())
    with torch.no_grad():
        assert torch.equal(again(images), trained(images))
        assert not torch.equal(wrong(images), trained(images))
