"""Items in, what several threads make of them out, in the order of the items and never far ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(pool: Executor, work: Callable[[T], R], items: Iterable[T], *, ahead: int) -> Iterator[R]:
    """Yield work(item) of every item in order, at most `ahead` of them begun before they are asked for.

    An error comes where its item would have come; what has not begun by then is dropped.
    """
    remaining = iter(items)
    waiting: deque[Future[R]] = deque(pool.submit(work, item) for item in islice(remaining, ahead))
    try:
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(work, item) for item in islice(remaining, 1))
            yield result
    finally:
        for future in waiting:
            future.cancel()
