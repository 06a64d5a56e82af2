"""Reading the batches of an epoch ahead of the step that uses them."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence

from torch import Tensor

from fercli.data.loader import CropReader
from fercli.system.prefetch import prefetched


@contextlib.contextmanager
def reading_ahead(reader: CropReader, batches: Sequence[Sequence[int]]) -> Generator[Generator[tuple[Tensor, Tensor]]]:
    """Iterate over (crops uint8 [B, 3, S, S], targets [B, ...]) of the batches in their order, read in the background."""
    with contextlib.closing(prefetched(reader.read(batches))) as batches_read:
        yield batches_read
