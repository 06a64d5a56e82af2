"""Return memory to the system."""

from __future__ import annotations

import contextlib
import ctypes
import sys


def release_unused_memory() -> None:
    """Return freed memory to the system, where the C library would keep it for later (glibc). Takes milliseconds."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
