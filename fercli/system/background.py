"""Run calls in order on one other thread, while the caller prepares the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class BackgroundCalls:
    """Runs calls one after the other on another thread; errors are raised by a later `add`, or by `finish`.

    ahead: number of calls that may wait. `add` then waits for the oldest, so that memory stays bounded.
    """

    def __init__(self, *, ahead: int) -> None:
        self._ahead = ahead
        self._pool: ThreadPoolExecutor | None = None  # opened by the first call
        self._waiting: deque[Future[object]] = deque()

    def add(self, call: Callable[[], object]) -> None:
        """Append a call."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="background")
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= self._ahead):
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(call))

    def finish(self) -> None:
        """Wait until every call is done."""
        while self._waiting:
            self._waiting.popleft().result()

    def close(self) -> None:
        """Drop the calls that have not started, and wait for the one that has."""
        for future in self._waiting:
            future.cancel()
        self._waiting.clear()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
