"""Two predictions and a function that writes a table of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fercli.results import Face, Prediction
from fercli.rows.formats import open_table
from fercli.rows.run_record import RunRecord

LABELS = ("neutral", "happiness")
RUN = RunRecord("fer 1", labels=LABELS, uncertain_below=0.6, settings={"minimum face size": "20 px"})


@pytest.fixture
def labels() -> tuple[str, ...]:
    return LABELS


@pytest.fixture
def classified() -> Prediction:
    face = Face((10.0, 20.5, 50.0, 60.0), 0.98765, ((20, 25), (40, 25), (30, 35), (22, 48), (38, 48)))
    return Prediction(
        "a.mp4",
        "uncertain",
        frame=3,
        time_s=0.1201,
        face=0,
        detection=face,
        label="happiness",
        probabilities={"neutral": 0.45, "happiness": 0.55},
        detail="probability 55 % is below the model's threshold of 60 %",
        track=7,
        detected=False,
        smoothing_s=0.5,
    )


@pytest.fixture
def without_face() -> Prediction:
    return Prediction("a.mp4", "no_face", frame=4, time_s=0.16, detail="no face detected")


@pytest.fixture
def write() -> Callable[..., Path]:
    def to(path: Path, *predictions: Prediction) -> Path:
        with open_table(path, LABELS, run=RUN) as table:
            table.add(predictions)
        return path

    return to
