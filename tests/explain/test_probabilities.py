"""Figure 4 on a random small network."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from fercli.explain.images import load_crops, sampled_images
from fercli.explain.probabilities import Probabilities
from fercli.weights.classifier import open_torch


def test_probabilities__are_the_classifiers_own_of_both_networks(draw, rows_of, make_run, three_classes, tmp_path):
    runs = [make_run("a") / "last.safetensors", make_run("b", seed=1) / "last.safetensors"]
    draw(Probabilities(), runs, three_classes, tmp_path / "out", count=3, names=("with BT", "without"))
    rows = rows_of(tmp_path / "out" / "probabilities.csv")
    assert len(rows) == 3 * 3
    assert Counter(row["label"] for row in rows) == {"neutral": 3, "happiness": 3, "sadness": 3}
    shown = sampled_images(three_classes, "test", 3, seed=0, balanced=True)
    for column, run in zip(("p_a", "p_b"), runs, strict=True):
        expected = open_torch(run, device="cpu").classify(load_crops(shown, 48))
        ours = np.array([float(row[column]) for row in rows]).reshape(3, 3)
        assert ours == pytest.approx(expected, abs=2e-6)  # both in the order neutral, happiness, sadness
    with Image.open(tmp_path / "out" / "probabilities.png") as picture:
        assert picture.width > 300
    facts = json.loads((tmp_path / "out" / "figure.json").read_text())
    assert [network["name"] for network in facts["networks"]] == ["with BT", "without"]
