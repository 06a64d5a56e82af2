"""A card, a registry of weights for tests, and a checkpoint to pull."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fercli.config.presets import model_preset
from fercli.config.templates import template
from fercli.weights.card import WeightsCard


@pytest.fixture(scope="module")
def landmark_file(foreign, tmp_path_factory) -> bytes:
    """A MobileFaceNet as its author writes it, with random values."""
    path = tmp_path_factory.mktemp("landmarks") / "net.pth.tar"
    return foreign.save(path, foreign.random_state(foreign.mobilefacenet())).read_bytes()


@pytest.fixture
def registry(tmp_path, cache):
    """Write a registry file; returns its path."""

    def write(*entries: dict) -> Path:
        path = tmp_path / "registry.json"
        common = {"description": "a network", "kind": "mobilefacenet", "licence": "for tests", "file": "net.pth.tar"}
        path.write_text(json.dumps({"format": 1, "weights": [{**common, **entry} for entry in entries]}))
        return path

    return write


@pytest.fixture
def card():
    return WeightsCard(
        name="test",
        version="3",
        labels=("neutral", "happiness"),
        schema="pair",
        crop=template("arcface"),
        model=model_preset("btn-tiny"),
        temperature=1.5,
    )
