"""Fake models and inputs for tests of the command `fer predict`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from fercli.config.labels import schema
from fercli.config.presets import MODELS
from fercli.config.templates import template
from fercli.media.images import Rgb, write_image
from fercli.media.video_writer import VideoWriter
from fercli.results import Face
from fercli.weights.card import WeightsCard

NAMES = schema("rafdb").names
FACE = Face((10.0, 10.0, 50.0, 60.0), 0.9, ((20.0, 25.0), (40.0, 25.0), (30.0, 35.0), (22.0, 48.0), (38.0, 48.0)))

TABLES = [f"{name}.csv{end}" for name in ("events", "predictions", "summary") for end in ("", ".settings.json")]


class OneFace:
    """A fake detector: the same face in every frame."""

    device = "cpu"

    def __init__(self, face: Face = FACE) -> None:
        self.face = face

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        return [[self.face] for _ in frames]


class Surprised:
    """A fake classifier: surprise for every crop."""

    card = WeightsCard("fake", "1", NAMES, "rafdb", template("arcface"), MODELS["btn-tiny"])
    engine, device = "torch", "cpu"

    def classify(self, crops: np.ndarray) -> np.ndarray:
        return np.tile(np.array([0.4] + [0.1] * 6, np.float32), (len(crops), 1))


def use_fakes(monkeypatch: pytest.MonkeyPatch, face: Face = FACE) -> None:
    """Let `fer predict` find this face in every frame, surprised."""
    monkeypatch.setattr("fercli.faces.detector.open_detector", lambda *_, **__: OneFace(face))
    monkeypatch.setattr("fercli.weights.classifier.load_classifier", lambda *_, **__: Surprised())


def write_inputs(folder: Path) -> Path:
    """Write one picture, one clip of five frames, one text file that claims to be a picture."""
    write_image(folder / "a.png", np.full((80, 90, 3), 99, np.uint8))
    (folder / "b.jpg").write_text("hello")
    with VideoWriter(folder / "c.mp4") as writer:
        for number in range(5):
            writer.write(np.full((80, 90, 3), 99, np.uint8), number / 10)
    return folder
