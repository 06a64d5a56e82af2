"""A substitute classifier, small data sets, and `fer eval` without its slow parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.config.model import BtnConfig, InputConfig
from fercli.config.templates import template
from fercli.data.prepared import Record, write_prepared
from fercli.evaluate import evaluate as module
from fercli.evaluate import output_folder
from fercli.weights.card import WeightsCard


class Fake:
    """A classifier that gives class `grey / 40` of the card a probability of 0.7: the grey value encodes the class."""

    engine, device = "onnx", "cpu"

    def __init__(self, *labels: str) -> None:
        config = BtnConfig(preset="toy", input=InputConfig(size=6))
        self.card = WeightsCard("toy", "1", labels, "toy", template("arcface"), config, temperature=1.5)
        self.batches: list[int] = []

    def classify(self, crops: np.ndarray) -> np.ndarray:
        assert crops.dtype == np.uint8
        assert crops.shape[1:] == (6, 6, 3)
        self.batches.append(len(crops))
        classes = len(self.card.labels)
        table = np.full((len(crops), classes), 0.3 / (classes - 1), np.float32)
        table[np.arange(len(crops)), crops[:, 0, 0, 0] // 40] = 0.7
        return table

    def logits(self, crops: np.ndarray) -> np.ndarray:
        return 1.5 * np.log(self.classify(crops))  # the card's temperature makes probabilities of it again


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch):
    """Put a substitute classifier in place of the one that weights would give."""

    def put(*labels: str) -> Fake:
        fake = Fake(*labels)
        monkeypatch.setattr(module, "load_classifier", lambda *_, **__: fake)
        return fake

    return put


def write_picture(path: Path, seen: int, number: int = 0) -> None:
    """Write a picture that the substitute classifies as class `seen`; `number` makes it unlike others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((6, 6), seen * 40, np.uint8)
    pixels[-1, -1] = number
    Image.fromarray(pixels).save(path)


@pytest.fixture
def picture() -> Callable[..., None]:
    """The function that writes a picture for the substitute classifier."""
    return write_picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six test images: fear seen as fear, fear, fear, anger; anger seen as fear, anger (model order: fear, anger)."""
    for name, seen in {"fear/a": 0, "fear/b": 0, "fear/c": 0, "fear/d": 1, "anger/e": 0, "anger/f": 1}.items():
        write_picture(tmp_path / f"data/test/{name}.png", seen)
    return tmp_path / "data"


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Two test images, one of which is also an (unlabelled) training image."""
    records = [
        Record("unlabelled/train/a.png", "train", None, "fear", 0, duplicate_group="g", votes=(5, 5)),
        Record("test/fear/b.png", "test", "fear", "fear", 1, duplicate_group="g", votes=(9, 0)),
        Record("test/fear/c.png", "test", "fear", "fear", 2, votes=(9, 0)),
        Record("test/anger/d.png", "test", "anger", "fear", 3, duplicate_group="only in test", votes=(0, 9)),
    ]
    for number, record in enumerate(records):
        write_picture(tmp_path / "set" / str(record.path), seen=0, number=number)
    facts = {"name": "toy", "schema": "toy", "labels": ["fear", "anger"], "crop": "fer2013", "fingerprint": "f"}
    write_prepared(tmp_path / "set", records, facts=facts, vote_classes=("fear", "anger"))
    return tmp_path / "set"


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip what takes seconds and has tests of its own: plotting, counting, hashing."""
    for name in ("plot_confusion", "plot_reliability", "plot_risk_coverage", "plot_severities"):
        monkeypatch.setattr(output_folder, name, lambda *_, **__: None)
    counted = {"sha256": "hash", "parameters": 11, "macs": 12}
    monkeypatch.setattr(module, "add_network_size", lambda model, classifier, weights: replace(model, **counted))
