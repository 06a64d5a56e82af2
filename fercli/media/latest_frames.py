"""Read a live stream in a background thread and drop frames that cannot be processed in time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from threading import Condition, Event, Thread
from typing import Protocol, Self

from fercli.media.frames import Frame

_LATE_S = 0.5  # a frame that has waited longer is skipped if a newer one has arrived
BUFFER_PIXELS = 24_000_000  # capacity of the buffer
_POLL_S = 0.2  # how often `stop` is checked while no frame arrives
_CLOSE_S = 1.0  # how long to wait for a silent stream to notice that reading has ended


class Stream(Protocol):
    """An open camera or network video; leaving its context closes it."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def __iter__(self) -> Iterator[Frame]: ...


class LatestFrames:
    """Reads frames in a background thread as they arrive, and skips those that have waited too long.

    Results are therefore at most about half a second behind, however long a frame takes to process, and the sender never
    disconnects because it was kept waiting. The indices of the frames show the gaps.
    open_stream: opens the stream, in the background too. skipped: number of skipped frames so far. stop: ends reading when
    it is set, also while the stream is being opened and while no frame arrives. The stream is closed when it ends or
    iteration stops. Its exceptions are raised after the frames before them. broken: what the stream says of its end.
    """

    def __init__(
        self,
        open_stream: Callable[[], Stream],
        *,
        stop: Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.skipped = 0
        self.broken: str | None = None
        self._open, self._stop, self._clock = open_stream, stop or Event(), clock
        self._waiting: deque[tuple[float, Frame]] = deque()  # with arrival times
        self._changed = Condition()
        self._ended = self._closed = self._opened = False
        self._error: Exception | None = None

    def __iter__(self) -> Generator[Frame, None, None]:
        reader = Thread(target=self._read, name="latest frames", daemon=True)
        reader.start()
        try:
            while (frame := self._next()) is not None:
                yield frame
        finally:
            self._closed = True
            if self._opened:  # opening cannot be broken off: it ends in the background
                reader.join(_CLOSE_S)

    def _next(self) -> Frame | None:
        with self._changed:
            while not self._stop.is_set():
                while len(self._waiting) > 1 and self._clock() - self._waiting[0][0] > _LATE_S:
                    self._skip()
                if self._waiting:
                    return self._waiting.popleft()[1]
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return None
                self._changed.wait(_POLL_S)
        return None

    def _read(self) -> None:
        try:
            stream = self._open()
            self._opened = True
            with stream as frames:
                for frame in () if self._closed else frames:
                    if self._closed:
                        return
                    self._append(frame)
            self.broken = getattr(stream, "broken", None)
        except Exception as error:  # noqa: BLE001 - raised in the other thread
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _append(self, frame: Frame) -> None:
        with self._changed:
            self._waiting.append((self._clock(), frame))
            while len(self._waiting) > 1 and sum(_pixels(waiting) for _, waiting in self._waiting) > BUFFER_PIXELS:
                self._skip()
            self._changed.notify_all()

    def _skip(self) -> None:
        self._waiting.popleft()
        self.skipped += 1


def _pixels(frame: Frame) -> int:
    return 0 if frame.rgb is None else frame.rgb.shape[0] * frame.rgb.shape[1]
