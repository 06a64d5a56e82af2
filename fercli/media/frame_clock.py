"""Compute when the frames of a video are shown, from timestamps that may be missing, guessed or start again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import av

_UNTIMED = ("mpjpeg", "mjpeg")  # formats without timestamps; FFmpeg guesses a frame rate
_USUAL_RATE = 25  # frames/s, if the header states none


def frame_interval_s(stream: Any) -> float:
    """Return the mean time between two frames of a picture track."""
    return 1 / float(stream.average_rate or _USUAL_RATE)


class FrameClock:
    """Computes when frames are shown, in seconds from the start of the container; times never decrease.

    Uses presentation timestamps. Where they step back at a key frame, another recording was joined: it continues from the
    frame before. Where they step back at another frame, they were guessed, and decoding timestamps are used from there on.
    AVI has only the latter. The start time of RTSP is a guess, so its times count from the first frame. Cameras that send
    JPEGs have no timestamps: when live, the time of arrival is used.
    """

    def __init__(
        self, container: Any, *, interval_s: float, live: bool = False, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval_s, self._last_s = interval_s, -interval_s
        self._now = now if live and container.format.name in _UNTIMED else None
        self._by_dts = container.format.name == "avi"
        states_start = self._now is None and container.format.name not in ("avi", "rtsp")
        self._start_s = float(container.start_time or 0) / av.time_base if states_start else None

    @property
    def next_s(self) -> float:
        """Expected time of the next frame."""
        return self._last_s + self._interval_s

    def shown_s(self, picture: Any) -> float:
        """Return the time of the next decoded frame."""
        time_s = self._stated_s(picture)
        if time_s is not None and time_s < self._last_s:
            self._by_dts, self._start_s = self._by_dts or not picture.key_frame, None
            time_s = self._stated_s(picture)
        self._last_s = self.next_s if time_s is None else time_s
        return self._last_s

    def _stated_s(self, picture: Any) -> float | None:
        if self._now is not None:
            stamp_s = self._now()
        else:
            stamp = picture.dts if self._by_dts else picture.pts
            if stamp is None:
                return None
            stamp_s = float(stamp * picture.time_base)
        if self._start_s is None:
            self._start_s = stamp_s - self.next_s
        return max(stamp_s - self._start_s, 0.0)
