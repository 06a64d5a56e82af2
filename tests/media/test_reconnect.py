"""Streams that break off and come back: indices, times and the mark of the gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event
from typing import Self

import numpy as np
import pytest

from fercli.errors import DataError
from fercli.media import reconnect
from fercli.media.reconnect import Reconnecting
from fercli.media.video import Frame


class Clock:
    """A clock that the streams move on."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Connection:
    """One connection: so many frames, ten a second, which take their time by the clock."""

    broken = None

    def __init__(self, clock: Clock, count: int, error: DataError | None = None) -> None:
        self._clock, self._count, self._error = clock, count, error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._count):
            yield Frame(index, index / 10, np.zeros((2, 2, 3), np.uint8))
            self._clock.now_s += 0.1
        if self._error is not None:
            raise self._error


GONE = DataError("no answer", fix="wait")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Waiting takes no time, and moves the clock."""
    clock = Clock()

    class Waiting(Event):
        def wait(self, timeout: float | None = None) -> bool:
            clock.now_s += timeout or 0.0
            return self.is_set()

    monkeypatch.setattr(reconnect, "Event", Waiting)
    return clock


def _stream(clock: Clock, what: Sequence[int | DataError], away_s: float, **how: Event) -> Reconnecting:
    attempts = iter(what)

    def attempt() -> Connection:
        now = next(attempts)
        if isinstance(now, DataError):
            raise now
        return Connection(clock, now, GONE)

    return Reconnecting(attempt, away_s=away_s, clock=clock, **how)


def test_reconnecting__goes_on_by_the_clock_and_marks_the_gap(clock: Clock):
    # three frames, at 0, 0.1 and 0.2 s, the last until 0.3; two attempts fail, at 1.3 and 2.3 s; back at 3.3 s
    stream = _stream(clock, [3, GONE, GONE, 2, GONE, GONE, GONE, GONE, GONE], 5)
    frames = [(frame.index, round(frame.time_s, 6), frame.rgb is not None, frame.fault) for frame in stream]
    assert frames == [
        (0, 0.0, True, None),
        (1, 0.1, True, None),
        (2, 0.2, True, None),
        (3, 0.3, False, "the stream was away for 3.1 s"),
        (4, 3.3, True, None),
        (5, 3.4, True, None),
    ]
    assert stream.broken == "broke off after 3.4 s and 6 frames, and was away for 5 s"


def test_reconnecting__does_not_wait_for_what_never_was_there(clock: Clock):
    with pytest.raises(DataError, match="no answer"):
        list(_stream(clock, [GONE, 3], 60))


def test_reconnecting__ends_on_request(clock: Clock):
    stop = Event()
    stream = iter(_stream(clock, [2, 2], 60, stop=stop))
    assert [next(stream).index for _ in range(2)] == [0, 1]
    stop.set()
    assert list(stream) == []
