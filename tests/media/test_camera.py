"""A camera behind a stand-in for OpenCV's capture: order of colours, times, and how it ends."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest

from fercli.errors import DataError
from fercli.media import camera
from fercli.media.camera import CameraReader
from fercli.media.feed import feed
from fercli.media.selection import FrameSelection
from fercli.media.sources import find_sources


class FakeCapture:
    """Gives so many pictures that are blue in OpenCV's order of channels, then none."""

    def __init__(self, pictures: int) -> None:
        self.left, self.released = pictures, False

    def isOpened(self) -> bool:
        return self.left >= 0

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        bgr = np.zeros((40, 60, 3), np.uint8)
        bgr[..., 0] = 255
        return (True, bgr) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


def test_camera__gives_rgb_with_the_time_of_the_clock():
    capture, clock = FakeCapture(3), iter([100.0, 100.5, 102.0])
    with CameraReader(0, capture=lambda _: capture, clock=lambda: next(clock)) as reader:
        frames = list(reader)
    assert [(frame.index, frame.time_s) for frame in frames] == [(0, 0.0), (1, 0.5), (2, 2.0)]
    assert frames[0].rgb is not None
    assert frames[0].rgb[0, 0].tolist() == [0, 0, 255]
    assert reader.broken == "the camera stopped after 2.0 s; 3 frames read"
    assert capture.released


def test_camera__gives_the_selected_frames_with_their_indices():
    clock = iter(100 + number / 10 for number in range(100))
    selection = FrameSelection(0.3, 1.0, 4)
    with CameraReader(0, selection=selection, capture=lambda _: FakeCapture(50), clock=lambda: next(clock)) as reader:
        frames = list(reader)
    # intervals .3 to .55, .55 to .8, .8 to 1: the first frame of each, then the end
    assert [(frame.index, round(frame.time_s, 1)) for frame in frames] == [(3, 0.3), (6, 0.6), (8, 0.8)]
    assert reader.broken is None


@pytest.mark.parametrize(("pictures", "words"), [(-1, "does not exist, or is in use"), (0, "delivers no frame")])
def test_camera__reports_what_is_wrong(pictures: int, words: str):
    with pytest.raises(DataError, match=rf"camera 7: {words}"):
        list(CameraReader(7, capture=lambda _: FakeCapture(pictures)))


def test_feed__stops_a_camera_on_request(monkeypatch: pytest.MonkeyPatch):
    for name in ("_LATE_S", "_CLOSE_S"):
        monkeypatch.setattr(f"fercli.media.latest_frames.{name}", 600)  # however busy the machine is
    capture, stop = FakeCapture(1000), Event()
    monkeypatch.setattr(camera, "CameraReader", lambda number, **_: CameraReader(number, capture=lambda _: capture))
    items = feed(find_sources(["0"]), stop=stop)
    first = next(items)
    assert (first.source.name, first.frame, first.left) == ("camera 0", 0, None)
    stop.set()
    assert len(list(items)) == 0
    assert capture.released
