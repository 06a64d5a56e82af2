"""One item ahead, in order, errors in their place."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from threading import Event

import pytest

from fercli.system.prefetch import prefetched


def test_prefetched__yields_the_same_items_from_another_thread():
    threads = set()

    def items() -> Iterator[int]:
        for number in range(20):
            threads.add(threading.current_thread().name)
            yield number

    assert list(prefetched(items())) == list(range(20))
    assert all(name.startswith("prefetch") for name in threads)


def test_prefetched__raises_instead_of_the_item():
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("two")

    ahead = prefetched(items())
    assert next(ahead) == 1
    with pytest.raises(KeyError, match="two"):
        next(ahead)


def test_prefetched__is_at_most_two_ahead():
    made = []

    def items() -> Iterator[int]:
        for number in range(9):
            made.append(number)
            yield number

    ahead = prefetched(items())
    next(ahead)
    ahead.close()  # type: ignore[attr-defined]
    assert len(made) <= 2


def test_prefetched__does_not_wait_for_an_item_that_nobody_needs():
    go_on, answered = Event(), []

    def items() -> Iterator[int]:
        yield 1
        answered.append(go_on.wait(600))  # as an address that does not answer
        yield 2

    with closing(prefetched(items())) as ahead:
        assert next(ahead) == 1
    assert answered == []
    go_on.set()
