"""Fake models for tests of what `fer predict` writes, rather than of what it predicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.media.images import Rgb
from fercli.results import Face
from fercli.weights.card import WeightsCard


class OneFace:
    """A fake detector: the same face in every frame."""

    device = "cpu"

    def __init__(self, face: Face) -> None:
        self.face = face

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        return [[self.face] for _ in frames]


class Surprised:
    """A fake classifier: surprise for every crop."""

    card = WeightsCard("fake", "1", schema("rafdb").names, "rafdb", template("arcface"), MODELS["btn-tiny"])
    engine, device = "torch", "cpu"

    def classify(self, crops: np.ndarray) -> np.ndarray:
        return np.tile(np.array([0.4] + [0.1] * 6, np.float32), (len(crops), 1))


@pytest.fixture
def predicts_surprise(monkeypatch: pytest.MonkeyPatch) -> Callable[[Face], None]:
    """Let `fer predict` find this face in every frame, surprised."""

    def use(face: Face) -> None:
        monkeypatch.setattr("fercli.faces.detector.open_detector", lambda *_, **__: OneFace(face))
        monkeypatch.setattr("fercli.weights.classifier.load_classifier", lambda *_, **__: Surprised())

    return use
