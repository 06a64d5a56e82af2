"""When a person rests."""

import numpy as np
import pytest

from fercli.errors import UsageError
from fercli.predict.baseline.spans import RestingFaces, Span, calmest, parse_request


def test_request__is_a_span_or_auto():
    assert parse_request("0:00-0:10") == Span(0.0, 10.0)
    assert parse_request("90.5-1:32") == Span(90.5, 92.0)
    assert str(parse_request("0:00-0:10")) == "0:00.0 to 0:10.0"
    assert parse_request("auto") is None


@pytest.mark.parametrize("text", ["people.csv", "0:10-0:00", "5-5", "0:00-soon", ""])
def test_request__refuses_anything_else(text: str):
    with pytest.raises(UsageError, match="--baseline"):
        parse_request(text)


def test_rests__are_those_of_the_frames_in_the_span():
    faces = RestingFaces()
    for frame in range(20):  # ten a second: half a second of rest, then a smile
        faces.add(1, frame / 10, np.array([0.9, 0.1] if frame < 5 else [0.1, 0.9]))
    faces.add(2, 0.0, np.array([0.5, 0.5]))
    rests = faces.rests({1: Span(0.0, 0.5), 2: Span(0.0, 0.5), 3: None}, neutral=0)
    assert set(rests) == {1}  # 2 has one frame in the span, 3 was never seen
    np.testing.assert_allclose(rests[1].probabilities, [0.9, 0.1])
    assert (rests[1].source, rests[1].frames) == ("0:00.0 to 0:00.5", 5)


def test_calmest__takes_still_seconds_near_neutral_not_a_smile_that_is_held():
    random = np.random.default_rng(0)
    times = np.arange(0, 20, 0.1)
    happy = np.where(times < 10, 0.3, 0.95)  # ten seconds near neutral, ten of a smile as still as stone
    happy[times < 5] += random.uniform(-0.2, 0.2, 50)  # the first five seconds are lively
    chosen = calmest(times, np.stack([1 - happy, happy], axis=1), neutral=0)
    assert set(np.floor(times[chosen])) == {5, 6, 7, 8, 9}


def test_calmest__needs_five_seconds():
    times = np.arange(0, 4, 0.1)
    assert not calmest(times, np.full((40, 2), 0.5), neutral=0).any()
