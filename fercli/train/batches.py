"""Reading the batches of an epoch ahead of the step that uses them."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from fercli.data.loader import Crops, loader
from fercli.system.prefetch import prefetched


@contextlib.contextmanager
def reading_ahead(
    crops: Crops, batches: Sequence[Sequence[int]], *, device: torch.device, workers: int = 0
) -> Generator[Generator[tuple[Tensor, Tensor]]]:
    """Iterate over (crops uint8 [B, 3, S, S], targets [B, ...]) of the batches in their order, read in the background.

    workers: processes that read; 0 is a thread.
    """
    with contextlib.closing(prefetched(iter(loader(crops, batches, device=device, workers=workers)))) as batches_read:
        yield batches_read
