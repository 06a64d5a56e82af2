"""Options of a prediction: ranges, and how they are recorded."""

from __future__ import annotations

import pytest

from fercli.config.detect import DetectConfig
from fercli.errors import UsageError
from fercli.predict.options import PredictOptions


@pytest.mark.parametrize(
    "options", [{"smooth_s": -1}, {"detect_every": 0}, {"min_reliable_px": -1}, {"smooth_s": 1, "track": False}]
)
def test_options__out_of_range_or_contradictory_are_refused(options: dict[str, object]):
    with pytest.raises(UsageError):
        PredictOptions(**options)  # type: ignore[arg-type]


def test_options__are_recorded_in_words():
    settings = PredictOptions().as_settings()
    assert settings["minimum face size"] == "20 px in pictures, 40 px in videos"
    assert settings["minimum reliable face size"] == "20 px"
    assert (settings["tracking"], settings["smoothing"], settings["detection"]) == ("on", "off", "every frame")
    other = PredictOptions(DetectConfig(max_side=800).with_min_face(30), 25, smooth_s=0.5, detect_every=2).as_settings()
    assert "thresholds 0.6, 0.7, 0.7, pictures shrunk to a longest side of 800 px" in other["detector"]
    assert other["minimum face size"] == "30 px in pictures, 30 px in videos"
    assert (other["smoothing"], other["detection"]) == ("0.5 s", "every 2 frames")
    assert PredictOptions(track=False).as_settings()["tracking"] == "off"
