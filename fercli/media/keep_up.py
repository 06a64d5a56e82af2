"""Frames that do not wait in, those there is time for out: a stream is read as it comes, whoever works on what it brought."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from threading import Condition, Thread

from fercli.media.video import Frame

_ROOM = 8  # frames that wait: what a moment's delay needs, at 6 MB for one of full HD
_AHEAD_S = 1.0  # a stream this far ahead of the clock is sent faster than it was taken, and can wait


class KeepingUp:
    """Reads frames in the background as fast as they come; when too many wait, the oldest is passed over.

    So a camera or stream is never more than a few frames behind, however long one takes to work on, and never stops for
    having been kept waiting. The numbers of frames show what is missing. passed_over: how many that are, so far.
    Errors of `frames` come after the frames before them.
    """

    def __init__(self, frames: Iterable[Frame], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.passed_over = 0
        self._frames, self._clock = frames, clock
        self._waiting: deque[Frame] = deque()
        self._changed = Condition()
        self._ended = self._closed = False
        self._error: Exception | None = None

    def __iter__(self) -> Generator[Frame, None, None]:
        reader = Thread(target=self._read, name="keep up", daemon=True)
        reader.start()
        try:
            while (frame := self._next()) is not None:
                yield frame
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            reader.join()

    def _next(self) -> Frame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if self._waiting:
                self._changed.notify_all()
                return self._waiting.popleft()
            if self._error is not None:
                raise self._error
            return None

    def _read(self) -> None:
        try:
            started, first_s = 0.0, None
            for frame in self._frames:
                if first_s is None:
                    started, first_s = self._clock(), frame.time_s
                ahead_s = frame.time_s - first_s - (self._clock() - started)
                with self._changed:
                    if ahead_s > _AHEAD_S:
                        self._changed.wait_for(lambda: len(self._waiting) < _ROOM or self._closed)
                    if self._closed:
                        return
                    if len(self._waiting) >= _ROOM:
                        self._waiting.popleft()
                        self.passed_over += 1
                    self._waiting.append(frame)
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 - told in the other thread
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
