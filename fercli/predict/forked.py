"""What a forked process must not use: results and networks whose threads exist in the parent only."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from typing import TypeVar

from fercli.errors import RefusedError

Result = TypeVar("Result")
_lock = threading.Lock()


def fork_lock() -> threading.Lock:
    """Return a lock of this process: the parent's may be held by one of its threads, which a fork does not copy."""
    return _lock


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - one for each process
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def keep_alive(value: object) -> None:
    """Never free an object of the parent: that would wait for threads of the parent."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


class ProcessResults(Iterator[Result]):
    """An iterator that raises RefusedError in processes that were forked after it was created."""

    def __init__(self, results: Iterator[Result]) -> None:
        self._results, self._process = results, os.getpid()

    def __next__(self) -> Result:
        if os.getpid() != self._process:
            raise RefusedError(
                "these results were begun before the fork, by threads that this process does not have",
                fix="call image(), images() or video() in the child process",
            )
        return next(self._results)

    def close(self) -> None:
        """Stop reading, as a generator does."""
        if os.getpid() == self._process and hasattr(self._results, "close"):
            self._results.close()

    def __del__(self) -> None:
        if os.getpid() != self._process:
            keep_alive(self._results)
