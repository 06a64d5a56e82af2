"""Split a sequence into chunks of at most a given size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar


class Sliceable(Protocol):
    """A sequence, an array or a tensor: has a length, and `items[start:stop]` is of its own kind."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice, /) -> Any: ...


S = TypeVar("S", bound=Sliceable)


def chunked(items: S, size: int) -> Iterator[S]:
    """Yield `items` in order in slices of `size`; the last one may be shorter. No items, no chunk.

    Arrays and tensors are cut along their first axis. Raises: ValueError for a size under 1.
    """
    if size < 1:
        raise ValueError(f"a chunk holds at least one item, not {size}")
    for start in range(0, len(items), size):
        yield items[start : start + size]
