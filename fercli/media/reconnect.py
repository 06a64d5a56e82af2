"""Open a live stream again when it breaks off, and mark the gap."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event
from typing import Any, Self

from fercli.errors import DataError
from fercli.formatting import pluralize
from fercli.media.frames import Frame

_RETRY_S = 1.0  # between two attempts


class Reconnecting:
    """Frames of a stream that is opened again after it ended or failed, until it was away for `away_s`.

    Indices continue, and times follow the clock, so that a gap is as long as the stream was away. A frame without pixels stands
    at the start of each gap. stop: ends the attempts. broken: after the last frame, why the stream was not continued.
    Raises: DataError if the stream cannot be opened the first time.
    """

    def __init__(
        self,
        open_stream: Callable[[], Any],
        *,
        away_s: float,
        stop: Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open, self._away_s, self._stop, self._clock = open_stream, away_s, stop or Event(), clock
        self.broken: str | None = None
        self._last: Frame | None = None
        self._last_at = 0.0  # by the clock
        self._interval_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __iter__(self) -> Iterator[Frame]:
        stream = self._open()
        while stream is not None:
            yield from self._frames(stream)
            if self._stop.is_set():
                return
            stream = self._again()

    def _frames(self, stream: Any) -> Iterator[Frame]:
        """The frames of one connection, after a frame for the gap before it."""
        begin: tuple[int, float] | None = None  # what is added to its indices and times
        try:
            with stream:
                for frame in stream:
                    if begin is None:
                        gap = self._gap()
                        if gap is not None:
                            yield gap
                        begin = self._begin(frame)
                    moved = replace(frame, index=frame.index + begin[0], time_s=frame.time_s + begin[1])
                    if self._last is not None and self._last.rgb is not None:
                        self._interval_s = max(0.0, moved.time_s - self._last.time_s)
                    self._last, self._last_at = moved, self._clock()
                    yield moved
        except DataError:
            if self._last is None:
                raise

    def _gap(self) -> Frame | None:
        """The frame that marks the gap; None before the first connection."""
        last = self._last
        if last is None:
            return None
        away_s = self._clock() - self._last_at
        fault = f"the stream was away for {away_s:.1f} s"
        self._last = Frame(last.index + 1, last.time_s + min(self._interval_s, away_s), None, fault)
        self._resumes_s = last.time_s + away_s
        return self._last

    def _begin(self, first: Frame) -> tuple[int, float]:
        if self._last is None:
            return 0, 0.0
        return self._last.index + 1 - first.index, self._resumes_s - first.time_s

    def _again(self) -> Any:
        """Open the stream again; None if that fails for too long, or on request."""
        while self._clock() - self._last_at < self._away_s and not self._stop.wait(_RETRY_S):
            try:
                return self._open()
            except DataError:
                continue
        if not self._stop.is_set() and self._last is not None:
            read = pluralize(self._last.index + 1, "frame")
            self.broken = f"broke off after {self._last.time_s:.1f} s and {read}, and was away for {self._away_s:g} s"
        return None
