"""How a step tells what it is at: a plain callable, so that steps know no terminal."""

from __future__ import annotations

from collections.abc import Callable

# (done, total or None while the end is unknown, a short note about the item at hand)
Progress = Callable[[int, int | None, str], None]


def silent(_done: int, _total: int | None, _note: str) -> None:
    """Take progress and tell nobody."""
