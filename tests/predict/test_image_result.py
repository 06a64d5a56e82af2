"""Results as values: compared, hashed, pickled, and as frames of one shape."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercli.media.sources import Source
from fercli.predict.image_result import ImageResult
from fercli.results import Face, Prediction

SOURCE = Source(Path("a.jpg"), "image", Path("a.jpg"))
FACE = Face((1.0, 2.0, 30.0, 40.0), 0.99, None)
HAPPY = Prediction(
    "a.jpg", "ok", face=0, detection=FACE, label="happiness", probabilities={"happiness": 0.75, "fear": 0.25}
)
LABELS = ("happiness", "fear")


def _result(*predictions: Prediction) -> ImageResult:
    return ImageResult(SOURCE, np.zeros((4, 4, 3), np.uint8), None, predictions, labels=LABELS)


def test_result__that_was_pickled_is_equal_and_has_the_same_hash():
    result = _result(HAPPY)
    again = pickle.loads(pickle.dumps(result))
    assert again == result
    assert hash(again) == hash(result)
    assert again in [result]
    assert {HAPPY, replace(HAPPY)} == {HAPPY}


def test_result__differs_if_a_probability_does():
    other = replace(HAPPY, probabilities={"happiness": 0.7, "fear": 0.3})
    assert _result(other) != _result(HAPPY)
    assert other != HAPPY


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames__of_pictures_with_and_without_a_face_have_the_same_columns(library: str):
    pytest.importorskip(library)
    nobody = _result(Prediction("a.jpg", "no_face")).to_frame(library=library)  # type: ignore[arg-type]
    somebody = _result(HAPPY).to_frame(library=library)  # type: ignore[arg-type]
    assert list(nobody.columns) == list(somebody.columns)
    assert somebody["p_happiness"][0] == 0.75
