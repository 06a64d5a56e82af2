"""The list of a state dict's entries, against the shipped file, published counts and by hand."""

from __future__ import annotations

import math
from pathlib import Path

from safetensors import safe_open

from fercli.config.presets import MODELS
from fercli.config.training import LossConfig
from fercli.models.state_keys import StateKey, state_keys
from fercli.weights.files import read_card
from fercli.weights.find import find_weights


def test_state_keys__of_inference_are_those_of_a_weights_file():
    path: Path = find_weights("fer-compact", (".safetensors",))
    card = read_card(path)
    with safe_open(path, framework="np") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    listed = state_keys(card.model, len(card.labels), LossConfig())
    assert {key.name: key.shape for key in listed if key.used_in == "inference"} == shapes


def test_state_keys__add_up_to_the_published_counts():
    listed = state_keys(MODELS["btn-base"], 7, LossConfig())
    numbers = {
        (kind, used): sum(math.prod(key.shape) for key in listed if (key.kind, key.used_in) == (kind, used))
        for kind in ("trained", "frozen")
        for used in ("inference", "training")
    }
    assert numbers["trained", "inference"] == 42_842_709  # POSTER++, live and trainable
    assert numbers["frozen", "inference"] == 911_232
    assert numbers["trained", "training"] == 1_281_587  # BTN
    assert numbers["frozen", "training"] == 0


def test_state_keys__have_kind_and_use():
    keys = {key.name: key for key in state_keys(MODELS["btn-tiny"], 5, LossConfig(bt=0.0, cba=0.0, image=1.0))}
    assert keys["image_head.weight"] == StateKey("image_head.weight", (5, 64), "float32", "trained", "training")
    assert keys["vit.head.bias"] == StateKey("vit.head.bias", (5,), "float32", "trained", "inference")
    counter = next(key for name, key in keys.items() if name.endswith("num_batches_tracked"))
    assert (counter.shape, counter.dtype, counter.kind) == ((), "int64", "buffer")
    assert not any(name.startswith("batch.") for name in keys)
