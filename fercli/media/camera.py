"""Read frames from a camera."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import cv2
import numpy as np

from fercli.errors import DataError
from fercli.formatting import pluralize
from fercli.media.frames import Frame
from fercli.media.selection import EVERY_FRAME, FrameChooser, FrameSelection


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's name

    def read(self) -> tuple[bool, Any]: ...

    def release(self) -> None: ...


def open_capture(number: int) -> Capture:
    """Open the system's camera with that number, without OpenCV's log lines about missing devices."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        capture: Capture = cv2.VideoCapture(number)
    finally:
        cv2.utils.logging.setLogLevel(level)
    return capture


class CameraReader:
    """Iterates over the frames of a camera; frames that arrive while nobody reads are lost.

    Times are measured by the clock from the first frame. broken: after the last frame, one sentence if the camera stopped.
    Raises: DataError if there is no such camera or it delivers no frame.
    """

    frames = None

    def __init__(
        self,
        number: int,
        *,
        selection: FrameSelection = EVERY_FRAME,
        capture: Callable[[int], Capture] = open_capture,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.number, self._clock, self._selection = number, clock, selection
        self.broken: str | None = None
        self._capture = capture(number)
        if not self._capture.isOpened():
            self._capture.release()
            raise DataError(
                f"camera {number}: does not exist, or is in use",
                fix="cameras are numbered from 0; close other programs that use it",
            )

    def __enter__(self) -> CameraReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._capture.release()

    def __iter__(self) -> Iterator[Frame]:
        started, index, time_s = 0.0, 0, 0.0
        chooser = FrameChooser(self._selection)
        while True:
            ok, bgr = self._capture.read()
            if not ok:
                break
            now = self._clock()
            started = started if index else now
            time_s = now - started
            if self._selection.ends_before(time_s):
                return
            if chooser.takes(time_s):
                yield Frame(index, time_s, np.ascontiguousarray(bgr[..., ::-1]))
            index += 1
        if index == 0:
            raise DataError(f"camera {self.number}: delivers no frame", fix="close other programs that may use it")
        self.broken = f"the camera stopped after {time_s:.1f} s; {pluralize(index, 'frame')} read"
