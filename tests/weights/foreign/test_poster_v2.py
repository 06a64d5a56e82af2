"""POSTER_V2 checkpoints as whole models."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fercli.errors import UsageError
from fercli.weights.classifier import load_classifier
from fercli.weights.files import read_card
from fercli.weights.foreign.convert import convert


@pytest.fixture(scope="module")
def poster_file(foreign, tmp_path_factory):
    """A POSTER_V2 checkpoint with zeros under its real names and shapes."""
    state = {name: torch.zeros(()).expand(shape) for name, shape in foreign.poster_v2().items()}
    return foreign.save(tmp_path_factory.mktemp("poster") / "poster.pth", state)


def test_poster_v2__does_not_guess_what_its_classes_are(poster_file, tmp_path):
    with pytest.raises(UsageError, match="7 classes but not their names") as caught:
        convert(poster_file, tmp_path / "out.safetensors")
    assert caught.value.fix is not None
    assert {"rafdb", "affectnet7"} <= set(caught.value.fix.removeprefix("--labels ").split(" | "))
    with pytest.raises(UsageError, match="affectnet8 has 8 classes, the file has 7"):
        convert(poster_file, tmp_path / "out.safetensors", labels="affectnet8")


@pytest.mark.slow
def test_poster_v2__becomes_a_model_that_runs(poster_file, tmp_path):
    out = tmp_path / "out.safetensors"
    report = convert(poster_file, out, labels="rafdb")
    assert report.labels[0] == "surprise"
    card = read_card(out)
    assert card.model.landmark.input == "imagenet"
    assert (card.schema, card.crop.name) == ("rafdb", "arcface")
    probabilities = load_classifier(out, device="cpu").classify(np.zeros((1, 224, 224, 3), np.uint8))
    np.testing.assert_allclose(probabilities, 1 / 7, atol=1e-6)  # zeros everywhere: no class is preferred
