"""Keep results that are computed in threads from being waited for in a forked process, which has no such threads."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from typing import TypeVar

from fercli.errors import RefusedError

Result = TypeVar("Result")


def never_freed(thing: object) -> None:
    """Keep an object of the parent for as long as the child lives: freeing it would wait for threads of the parent."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


class OfOneProcess(Iterator[Result]):
    """Results for the process that asked for them. Raises: RefusedError in a process that was forked from it since."""

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
            never_freed(self._results)
