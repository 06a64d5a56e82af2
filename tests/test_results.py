"""Results that validate themselves."""

from __future__ import annotations

from typing import Any

import pytest

from fercli.results import Face, Prediction, lost_frames

FACE = Face((10.0, 20.0, 40.0, 60.0), 0.95, ((0.0, 0.0),) * 5)


def test_face__side_is_that_of_a_square_of_the_same_area():
    assert FACE.area == 1200
    assert FACE.side == pytest.approx(1200**0.5)
    assert Face((40.0, 0.0, 10.0, 10.0), 0.9, FACE.landmarks).area == 0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"probabilities": {"anger": 0.5, "fear": 0.4}}, "sum to 0.9000"),
        ({"label": "fear"}, "not the most probable"),
        ({"label": None}, "needs its box, label and probabilities"),
        ({"status": "no_face"}, "has no label"),
    ],
)
def test_prediction__refuses_what_contradicts_itself(changes: dict[str, Any], complaint: str):
    values: dict[str, Any] = {
        "source": "a.jpg",
        "status": "ok",
        "detection": FACE,
        "label": "anger",
        "probabilities": {"anger": 0.6, "fear": 0.4},
    }
    assert Prediction(**values).probability == 0.6
    with pytest.raises(ValueError, match=complaint):
        Prediction(**(values | changes))


def test_lost_frames__counts_with_the_right_noun():
    assert lost_frames(0) is None
    assert lost_frames(1) == "1 frame could not be decoded"
    assert lost_frames(2) == "2 frames could not be decoded"
