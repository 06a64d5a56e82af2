"""Threads work on items in order and never far ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fercli.system.parallel import in_order


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as pool:
        yield pool


def test_in_order__keeps_the_order_if_the_first_takes_longest(pool: ThreadPoolExecutor):
    last_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert last_done.wait(300)  # items 1 and 2 run beside it
        if item == 2:
            last_done.set()
        return 10 * item

    assert list(in_order(pool, work, range(3), ahead=3)) == [0, 10, 20]


def test_in_order__submits_no_more_than_the_limit(pool: ThreadPoolExecutor):
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = in_order(pool, str, items(), ahead=4)
    assert [next(results) for _ in range(3)] == ["0", "1", "2"]
    assert len(taken) == 4 + 3


def test_in_order__raises_instead_of_the_item(pool: ThreadPoolExecutor):
    results = in_order(pool, lambda item: 1 // item, [1, 0, 1], ahead=3)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_in_order__without_items_yields_none(pool: ThreadPoolExecutor):
    assert list(in_order(pool, str, [], ahead=3)) == []
