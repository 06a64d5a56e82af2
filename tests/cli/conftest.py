"""Fake models for tests of what `fer predict` writes, rather than of what it predicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fercli.results import Face


@pytest.fixture
def predicts_surprise(predict_fakes: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Face], None]:
    """Let `fer predict` find this face in every frame, surprised."""

    def use(face: Face) -> None:
        predict_fakes.use_fakes(monkeypatch, face)

    return use
