"""Frames that do not wait in, those there is time for out: a stream is read as it comes, whoever works on what it brought."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from threading import Condition, Event, Thread
from typing import Protocol, Self

from fercli.media.video import Frame

_LATE_S = 0.5  # a frame that has waited for longer is passed over, if a newer one is there
_ROOM_PIXELS = 24_000_000  # of frames that wait
_LOOK_S = 0.2  # how often is looked whether to stop, while nothing comes
_LEAVE_S = 1.0  # what a stream that has fallen silent is given to notice that nobody listens


class Stream(Protocol):
    """What is read: a camera, or a video at an address, opened; leaving its context closes it."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def __iter__(self) -> Iterator[Frame]: ...


class KeepingUp:
    """Reads frames in the background as fast as they come, and passes over those that have waited too long.

    So a camera or stream is about half a second behind at most, however long a frame takes to work on, and never hangs
    up for having been kept waiting. The numbers of frames show what is missing.
    passed_over: how many that are, so far. stop: ends it when set, also while nothing comes. The stream is closed when it has
    ended, or nobody listens any more. Its errors come after the frames before them.
    """

    def __init__(
        self, stream: Stream, *, stop: Event | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.passed_over = 0
        self._stream, self._stop, self._clock = stream, stop or Event(), clock
        self._waiting: deque[tuple[float, Frame]] = deque()  # when each came
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
            self._closed = True
            reader.join(_LEAVE_S)

    def _next(self) -> Frame | None:
        with self._changed:
            while not self._stop.is_set():
                while len(self._waiting) > 1 and self._clock() - self._waiting[0][0] > _LATE_S:
                    self._pass_over()
                if self._waiting:
                    return self._waiting.popleft()[1]
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return None
                self._changed.wait(_LOOK_S)
        return None

    def _read(self) -> None:
        try:
            with self._stream as frames:
                for frame in frames:
                    if self._closed:
                        return
                    self._take(frame)
        except Exception as error:  # noqa: BLE001 - told in the other thread
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _take(self, frame: Frame) -> None:
        with self._changed:
            self._waiting.append((self._clock(), frame))
            while len(self._waiting) > 1 and sum(_pixels(waiting) for _, waiting in self._waiting) > _ROOM_PIXELS:
                self._pass_over()
            self._changed.notify_all()

    def _pass_over(self) -> None:
        self._waiting.popleft()
        self.passed_over += 1


def _pixels(frame: Frame) -> int:
    return 0 if frame.rgb is None else frame.rgb.shape[0] * frame.rgb.shape[1]
