"""Load samples as batches of tensors: uint8 crops [B, 3, S, S] with class indices or vote distributions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from fercli.config.training import LossConfig
from fercli.data.crops import load_crop
from fercli.data.dataset import Sample
from fercli.errors import DataError
from fercli.system.chunks import chunked

# Letters: B images, N classes, S side.


def targets_of(samples: Sequence[Sample], classes: int, loss: LossConfig) -> Tensor:
    """Return the training targets: class indices int64 [B], or with `loss.soft_targets` distributions float32 [B, N].

    soft_targets: votes divided by their sum, mixed with the original label with the weight `loss.first_label`; a sample
    without votes gets all its weight on its label. single_votes=false drops a class's only vote where others have more.
    Raises: DataError for a sample with neither label nor votes.
    """
    if not loss.soft_targets:
        return torch.tensor([_label(sample) for sample in samples], dtype=torch.int64)
    rows = torch.zeros(len(samples), classes)
    for row, sample in zip(rows, samples, strict=True):
        votes = torch.tensor(sample.votes or (0.0,) * classes)
        if not loss.single_votes and votes.max() > 1:
            votes[votes <= 1] = 0.0
        if votes.sum() == 0:
            row[_label(sample)] = 1.0
            continue
        row.copy_(votes / votes.sum())
        if loss.first_label and sample.first_label is not None:
            row.mul_(1 - loss.first_label)
            row[sample.first_label] += loss.first_label
    return rows


def labels_of(samples: Sequence[Sample]) -> Tensor:
    """Return the class indices int64 [B], -1 for a sample without a label; for class balancing."""
    return torch.tensor([-1 if s.label is None else s.label for s in samples], dtype=torch.int64)


class Crops(TorchDataset[tuple[Tensor, Tensor]]):
    """Pairs of an RGB crop uint8 [3, S, S] and its target, read from disk on access."""

    def __init__(self, samples: Sequence[Sample], targets: Tensor, size: int) -> None:
        if len(samples) != len(targets):
            raise ValueError(f"{len(samples)} samples but {len(targets)} targets")
        self.samples, self.targets, self.size = samples, targets, size

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        crop = torch.from_numpy(load_crop(self.samples[index], self.size)).permute(2, 0, 1)
        return crop, self.targets[index]


class CropReader:
    """Reads batches of the same crops again and again, such as once per epoch, into pinned memory for a GPU.

    workers: processes that read; 0 is the calling thread. They are started by the first read and stay until the end.
    """

    def __init__(self, crops: Crops, *, device: torch.device, workers: int = 0) -> None:
        self.crops, self._order = crops, _Order()
        extra: dict[str, Any] = {"prefetch_factor": 4, "persistent_workers": True} if workers else {}
        self._loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
            crops, batch_sampler=self._order, num_workers=workers, pin_memory=device.type == "cuda", **extra
        )

    def read(self, batches: Sequence[Sequence[int]]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield crops uint8 [B, 3, S, S] and targets [B, ...] of batches of sample indices, in their order.

        An earlier read must have ended, or is ended by this one.
        """
        self._order.batches = [list(batch) for batch in batches]
        return iter(self._loader)


class _Order:
    """A sampler whose batches change from epoch to epoch."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def in_batches(order: Sequence[int], size: int, *, drop_last: bool) -> list[list[int]]:
    """Split an order of sample indices into batches; a smaller last one is dropped with `drop_last`."""
    batches = [list(batch) for batch in chunked(order, size)]
    return batches[:-1] if drop_last and len(batches) > 1 and len(batches[-1]) < size else batches


def _label(sample: Sample) -> int:
    if sample.label is None:
        raise DataError(f"{sample.path} has no label", fix="--set loss.soft_targets=true trains on its votes")
    return sample.label
