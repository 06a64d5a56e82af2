"""Fake models for tests of what `fer predict` writes, rather than of what it predicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fercli.results import Face


@pytest.fixture
def predicts_surprise(predict_fakes: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Face], None]:
    """Let `fer predict` find this face in every frame, surprised."""

    def use(face: Face) -> None:
        predict_fakes.use_fakes(monkeypatch, face)

    return use


@pytest.fixture
def fakes(predict_fakes: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The fake models of `predict_fakes.py`, in use."""
    predict_fakes.use_fakes(monkeypatch)
    return predict_fakes


@pytest.fixture
def folder(fakes: Any, tmp_path: Path) -> Path:
    """One picture, one clip of five frames, one text file that claims to be a picture."""
    return fakes.write_inputs(tmp_path / "in")
