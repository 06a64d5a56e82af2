"""The shipped default model: found by name, whole, honest in its card, and the same in both engines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fercli.config.detect import DetectConfig
from fercli.config.labels import SCHEMAS
from fercli.faces.crop import crop_face
from fercli.faces.detector import open_detector
from fercli.media.images import read_rgb
from fercli.weights.classifier import load_classifier
from fercli.weights.files import load_weights, read_card
from fercli.weights.find import DEFAULT_NAME, find_weights
from fercli.weights.onnx_interface import onnx_metadata

SUFFIXES = (".onnx", ".safetensors")


@pytest.fixture(scope="module")
def crop(astronaut: np.ndarray) -> np.ndarray:
    """The astronaut's smiling face as the model wants it: uint8 [1, S, S, 3]."""
    card = read_card(find_weights(None, (".safetensors",)))
    [[face]] = open_detector(DetectConfig(detector="mtcnn"), "cpu").detect([astronaut])
    return crop_face(astronaut, face.landmarks, card.crop, card.model.input.size)[0][None]


def first_parts(provenance: dict[str, Any]) -> set[str]:
    """The parts that training began with, through every earlier run that it went on from."""
    found = set()
    for origin in provenance["started_from"]:
        found |= first_parts(origin["provenance"]) if origin["part"] == "all" else {origin["part"]}
    return found


def test_default_model__has_one_card_in_both_files():
    onnx, safetensors = (read_card(find_weights(None, (suffix,))) for suffix in SUFFIXES)
    assert onnx == safetensors
    assert onnx.name == DEFAULT_NAME
    assert onnx.labels == SCHEMAS["ferplus"].names


def test_default_model__states_its_scores_and_origin():
    card = read_card(find_weights(None))
    assert card.scores["test"]["images"] == 3153
    assert set(card.scores["test"]["class_accuracy"]) == set(card.labels)
    assert first_parts(card.provenance) == {"image_backbone", "landmark_backbone"}
    assert card.licence
    assert card.notes


def test_default_model__contains_no_training_parts():
    state, _ = load_weights(find_weights(None, (".safetensors",)))
    assert not [name for name in state if name.startswith("batch.")]


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_default_model__classifies_the_smiling_astronaut(engine: str, crop: np.ndarray):
    classifier = load_classifier(None, engine, "cpu")
    [probabilities] = classifier.classify(crop)
    assert classifier.card.labels[int(probabilities.argmax())] == "happiness"
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_default_model__is_the_same_in_both_engines(crop: np.ndarray):
    crops = np.concatenate([crop, crop[:, :, ::-1], 255 - crop])
    onnx, torch = (load_classifier(None, engine, "cpu").logits(crops) for engine in ("onnx", "torch"))
    proof = json.loads(onnx_metadata(find_weights(None, (".onnx",)))["parity"])
    np.testing.assert_allclose(onnx, torch, atol=max(1e-4, 3 * proof["max_difference"]))


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_default_model__has_the_probabilities_its_card_states_for_a_face(engine: str):
    photo = read_rgb(Path(__file__).parents[2] / "docs/images/astronaut.jpg")
    [[face]] = open_detector(DetectConfig(detector="mtcnn"), "cpu").detect([photo])
    classifier = load_classifier(None, engine, "cpu")
    card = classifier.card
    upright, _ = crop_face(photo, face.landmarks, card.crop, card.model.input.size)
    (promise,) = (note for note in card.notes if note.startswith("Promise"))
    promised = [float(value) for value in re.findall(r" (\d\.\d{4})", promise)]
    assert re.findall(r"(\w+) \d\.", promise) == [*card.labels, *card.labels, *card.labels]
    assert sum(0.01 < value < 0.99 for value in promised) >= 6  # upside down it is not sure of itself: a sharp test
    posed = load_classifier(None, engine, "cpu", convention="posed").classify(upright[None, ::-1])
    answers = np.concatenate([classifier.classify(np.stack([upright, upright[::-1]])), posed])
    np.testing.assert_allclose(answers.ravel(), promised, atol=0.005)


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_default_model__passes_the_check_in_its_metadata(engine: str):
    # the picture that the file's metadata describe in words, made anew here
    check = json.loads(onnx_metadata(find_weights(None, (".onnx",)))["check"])
    y, x, c = np.ogrid[: check["height"], : check["width"], :3]
    picture = ((5 * y + 3 * x + 80 * c) % 256).astype(np.uint8)[None]
    [probabilities] = load_classifier(None, engine, "cpu").classify(picture)
    assert "(5 y + 3 x + 80 c) / 256" in check["picture"]
    np.testing.assert_allclose(probabilities, check["probabilities"], atol=0.002)
