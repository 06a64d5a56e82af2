"""Live streams: skipped frames, waiting, and the end."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from threading import Event, Thread
from typing import Self

import numpy as np
import pytest

from fercli.errors import DataError
from fercli.media import latest_frames
from fercli.media.latest_frames import LatestFrames
from fercli.media.video import Frame


class Clock:
    """Stands still but when it is told."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Sender:
    """A stream whose frames come when they are sent; it is closed when its reader leaves it."""

    def __init__(self, side: int = 2) -> None:
        self._side, self._sent, self._wanted, self._taken = side, 0, Event(), Event()
        self._ends: DataError | bool = False
        self.closed = Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed.set()

    def __iter__(self) -> Iterator[Frame]:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._ends:
                self._taken.set()
                if isinstance(self._ends, DataError):
                    raise self._ends
                return
            yield Frame(self._sent, float(self._sent), np.zeros((self._side, self._side, 3), np.uint8))
            self._sent += 1
            self._taken.set()  # the reader is back for the next one, so this one waits by now

    def send(self, frames: int = 1) -> None:
        for _ in range(frames):
            self._tell()

    def send_unheard(self) -> None:
        """A frame after which the reader may not come back."""
        self._wanted.set()

    def end(self, how: DataError | bool = True) -> None:
        self._ends = how
        self._tell()

    def _tell(self) -> None:
        self._taken.clear()
        self._wanted.set()
        assert self._taken.wait(300)


def start(latest: LatestFrames, sender: Sender) -> Generator[Frame, None, None]:
    """Frames of a stream whose first has come: a generator begins to read when the first is asked for."""
    frames = iter(latest)
    first = Thread(target=sender.send, daemon=True)
    first.start()
    assert next(frames).index == 0
    first.join()
    return frames


def test_latest_frames__passes_over_what_has_waited_for_half_a_second_if_a_newer_one_is_there():
    sender, clock = Sender(), Clock()
    latest = LatestFrames(lambda: sender, clock=clock)
    frames = start(latest, sender)
    sender.send(3)  # 1, 2, 3 at 0 s
    clock.now_s = 0.4
    assert next(frames).index == 1
    sender.send(2)  # 4, 5 at 0.4 s
    clock.now_s = 0.8
    assert next(frames).index == 4  # 2 and 3 have waited for 0.8 s
    clock.now_s = 9.0
    assert next(frames).index == 5  # the newest is taken however long it has waited
    sender.send()
    sender.end()
    assert [frame.index for frame in frames] == [6]
    assert latest.skipped == 2


def test_latest_frames__keeps_all_of_a_burst_for_who_is_fast_enough():
    sender, clock = Sender(), Clock()
    latest = LatestFrames(lambda: sender, clock=clock)
    frames = start(latest, sender)
    sender.send(200)
    sender.end()
    assert [frame.index for frame in frames] == list(range(1, 201))
    assert latest.skipped == 0


def test_latest_frames__takes_no_more_memory_however_much_comes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(latest_frames, "BUFFER_PIXELS", 5 * 30 * 30)
    sender, clock = Sender(side=30), Clock()
    latest = LatestFrames(lambda: sender, clock=clock)
    frames = start(latest, sender)
    sender.send(40)
    sender.end()
    assert [frame.index for frame in frames] == [36, 37, 38, 39, 40]
    assert latest.skipped == 35


def test_latest_frames__an_error_comes_after_the_frames_before_it():
    sender = Sender()
    frames = start(LatestFrames(lambda: sender, clock=Clock()), sender)
    sender.send(2)
    sender.end(DataError("camera 0: delivers no frame", fix="another"))
    assert [next(frames).index for _ in range(2)] == [1, 2]
    with pytest.raises(DataError, match="delivers no frame"):
        next(frames)
    assert sender.closed.is_set()


def test_latest_frames__stops_on_request_without_further_frames():
    sender, stop = Sender(), Event()
    frames = start(LatestFrames(lambda: sender, stop=stop), sender)
    left: list[Iterable[Frame]] = []
    waits = Thread(target=lambda: left.append(list(frames)), daemon=True)
    waits.start()
    stop.set()
    waits.join(300)
    assert left == [[]]
    assert not sender.closed.is_set()  # it is silent: its reader may not be disturbed
    sender.send_unheard()
    assert sender.closed.wait(300)


def test_latest_frames__closes_the_stream_when_its_reader_stops():
    sender = Sender()
    frames = start(LatestFrames(lambda: sender), sender)
    sender.send_unheard()
    frames.close()
    assert sender.closed.wait(300)


def test_latest_frames__stops_on_request_while_the_stream_is_being_opened():
    opening, go_on, stop = Event(), Event(), Event()

    def silent() -> Sender:
        opening.set()
        go_on.wait(600)  # as FFmpeg waits for a server that does not answer
        return Sender()

    left: list[Iterable[Frame]] = []
    waits = Thread(target=lambda: left.append(list(LatestFrames(silent, stop=stop))), daemon=True)
    waits.start()
    assert opening.wait(300)
    stop.set()
    waits.join(300)
    assert left == [[]]
    go_on.set()
