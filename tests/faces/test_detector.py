"""The registry of face detectors."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fercli.config.detect import DetectConfig
from fercli.errors import UsageError
from fercli.faces.detector import DETECTORS, DetectorEntry, detector_version, open_detector
from fercli.media.images import Rgb
from fercli.results import Face


class WholePicture:
    """A toy detector: every picture is one face."""

    device = "cpu"

    def __init__(self, config: DetectConfig, device: str) -> None:
        self.smallest = config.min_face_px

    def detect(self, frames: Sequence[Rgb], *, min_face_px: int | None = None) -> list[list[Face]]:
        return [[Face((0.0, 0.0, *map(float, frame.shape[1::-1])), 1.0, ((0.0, 0.0),) * 5)] for frame in frames]


def test_open_detector__a_new_one_is_a_class_and_an_entry(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(DETECTORS, "whole", DetectorEntry("whole 1.0", WholePicture))
    detector = open_detector(DetectConfig(detector="whole", min_face_px=33), "cpu")
    assert isinstance(detector, WholePicture)
    assert detector.smallest == 33
    assert detector_version("whole") == "whole 1.0"


def test_open_detector__an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="unknown detector 'retina'") as caught:
        open_detector(DetectConfig(detector="retina"))
    assert "mtcnn" in caught.value.fix


def test_detector_version__names_the_package():
    assert detector_version("mtcnn") == "mtcnn facenet-pytorch 2.5.3"
