"""Map a function over items on several threads, with ordered results and bounded read-ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(pool: Executor, work: Callable[[T], R], items: Iterable[T], *, ahead: int) -> Iterator[R]:
    """Yield work(item) for every item in order, with at most `ahead` items submitted before they are needed.

    An exception is raised instead of its item's result; items that have not started by then are cancelled.
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
