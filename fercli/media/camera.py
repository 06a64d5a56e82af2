"""The number of a camera in, RGB frames with the times they were taken at out, until it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import cv2
import numpy as np

from fercli.errors import DataError
from fercli.media.video import Frame


class Capture(Protocol):
    """What gives pictures: `cv2.VideoCapture`, or a stand-in."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's name

    def read(self) -> tuple[bool, Any]: ...

    def release(self) -> None: ...


def open_capture(number: int) -> Capture:
    """The camera of the system with that number, without OpenCV's own talk about what is not there."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        capture: Capture = cv2.VideoCapture(number)
    finally:
        cv2.utils.logging.setLogLevel(level)
    return capture


class CameraReader:
    """Frames of a camera, one after the other; what it takes while nobody reads is lost, as cameras do not wait.

    Times count from the first frame, by the clock. broken: one sentence after the last frame, if the camera stopped.
    Raises: DataError if there is no such camera or it gives no picture.
    """

    frames = None

    def __init__(
        self,
        number: int,
        *,
        capture: Callable[[int], Capture] = open_capture,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.number, self._clock = number, clock
        self.broken: str | None = None
        self._capture = capture(number)
        if not self._capture.isOpened():
            self._capture.release()
            raise DataError(f"camera {number}: not there, or in use", fix="numbers count from 0; close what uses it")

    def __enter__(self) -> CameraReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._capture.release()

    def __iter__(self) -> Iterator[Frame]:
        started, index, time_s = 0.0, 0, 0.0
        while True:
            there, bgr = self._capture.read()
            if not there:
                break
            now = self._clock()
            started = started if index else now
            time_s = now - started
            yield Frame(index, time_s, np.ascontiguousarray(bgr[..., ::-1]))
            index += 1
        if index == 0:
            raise DataError(f"camera {self.number}: gives no picture", fix="close what else may use it")
        self.broken = f"the camera stopped after {time_s:.1f} s; {index} frames were read"
