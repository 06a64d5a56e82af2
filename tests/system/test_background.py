"""Calls on another thread: order, errors and the number that wait."""

from __future__ import annotations

from functools import partial
from threading import Event, Thread, current_thread

import pytest

from fercli.system.background import BackgroundCalls


def test_background__runs_calls_in_order_on_another_thread():
    calls, seen = BackgroundCalls(ahead=2), []
    for number in range(50):
        calls.add(partial(lambda number: seen.append((number, current_thread().name)), number))
    calls.finish()
    assert [number for number, _ in seen] == list(range(50))
    assert {name for _, name in seen} == {"background_0"}
    calls.close()


def test_background__waits_when_too_many_calls_are_ahead():
    calls, gate, added = BackgroundCalls(ahead=2), Event(), []
    calls.add(gate.wait)
    calls.add(lambda: added.append("second"))
    assert added == []
    gate.set()
    calls.add(lambda: added.append("third"))  # waits for the first
    calls.finish()
    assert added == ["second", "third"]
    calls.close()


def test_background__raises_the_error_of_a_call_later():
    calls = BackgroundCalls(ahead=1)
    calls.add(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        calls.finish()
    calls.close()


def test_background__close_drops_calls_that_have_not_started():
    calls, gate, started, done = BackgroundCalls(ahead=9), Event(), Event(), []

    def first() -> None:
        started.set()
        gate.wait(300)
        done.append("first")

    calls.add(first)
    calls.add(lambda: done.append("second"))
    assert started.wait(300)
    closing = Thread(target=calls.close)
    closing.start()
    while len(calls._waiting):  # the second is cancelled before the first may end
        pass
    gate.set()
    closing.join(300)
    assert done == ["first"]
