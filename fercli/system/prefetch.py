"""Compute the next item of an iterator in the background while the current one is processed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

T = TypeVar("T")
_END = object()


def prefetched(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield the items in order, one ahead; an exception is raised instead of its item."""
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as pool:
        waiting = pool.submit(next, items, cast(T, _END))
        while (item := waiting.result()) is not _END:
            waiting = pool.submit(next, items, cast(T, _END))
            yield item
