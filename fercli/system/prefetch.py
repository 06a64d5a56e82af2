"""Compute the next item of an iterator in the background while the current one is processed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()
_CLOSE_S = 1.0  # how long to wait for an item that nobody needs any more, such as an address that does not answer


def prefetched(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield the items in order, one ahead; an exception is raised instead of its item.

    Where the caller stops early, the item that is being computed is waited for one second only.
    """
    requests: SimpleQueue[bool] = SimpleQueue()
    results: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def work() -> None:
        while requests.get():
            try:
                results.put((next(items, _END), None))
            except BaseException as error:  # noqa: BLE001 - raised in the other thread
                results.put((None, error))

    thread = Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        requests.put(True)
        while True:
            item, error = results.get()
            if error is not None:
                raise error
            if item is _END:
                return
            requests.put(True)
            yield item
    finally:
        requests.put(False)
        thread.join(_CLOSE_S)
