"""A Predictor with fake networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import fercli
from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.media.images import Rgb
from fercli.predictor import Predictor
from fercli.results import Face
from fercli.weights.card import WeightsCard

FACE = Face((10.0, 10.0, 50.0, 60.0), 0.9, ((20.0, 25.0), (40.0, 25.0), (30.0, 35.0), (22.0, 48.0), (38.0, 48.0)))


class BrightDetector:
    """Finds one face in every picture that is not black."""

    device = "cpu"

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        return [[FACE] if frame.max() > 30 else [] for frame in frames]


class Surprised:
    """Surprise for every crop."""

    card = WeightsCard("fake", "1", schema("rafdb").names, "rafdb", template("arcface"), MODELS["btn-tiny"])
    engine, device = "onnx", "cpu"

    def classify(self, crops: np.ndarray) -> np.ndarray:
        return np.tile(np.array([0.4] + [0.1] * 6, np.float32), (len(crops), 1))


@pytest.fixture
def fake_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fercli.predictor.open_detector", lambda *_, **__: BrightDetector())
    monkeypatch.setattr("fercli.predictor.load_classifier", lambda *_, **__: Surprised())


@pytest.fixture
def predictor(fake_networks: None) -> Predictor:
    return fercli.Predictor()
