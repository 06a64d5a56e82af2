"""Batches that are read ahead."""

from __future__ import annotations

import multiprocessing

import pytest
import torch

from fercli.data.dataset import Dataset
from fercli.data.loader import CropReader, Crops
from fercli.train.batches import reading_ahead


def test_reading_ahead__yields_the_batches_in_their_order(faces: Dataset):
    crops = Crops(faces.split("train"), torch.arange(12), 48)
    batches = [[3, 1], [0], [11, 2, 5]]
    with reading_ahead(CropReader(crops, device=torch.device("cpu")), batches) as batches_read:
        for indices, (images, targets) in zip(batches, batches_read, strict=True):
            assert targets.tolist() == indices
            assert (images.dtype, images.shape) == (torch.uint8, (len(indices), 3, 48, 48))
            assert all(torch.equal(image, crops[index][0]) for image, index in zip(images, indices, strict=True))


def test_reading_ahead__passes_an_error_of_the_reader_on(faces: Dataset):
    crops = Crops(faces.split("train"), torch.arange(12), 48)
    with (
        reading_ahead(CropReader(crops, device=torch.device("cpu")), [[0], [99]]) as batches_read,
        pytest.raises(IndexError),
    ):
        list(batches_read)


def test_reader__keeps_its_processes_from_epoch_to_epoch(faces: Dataset):
    reader = CropReader(Crops(faces.split("train"), torch.arange(12), 48), device=torch.device("cpu"), workers=1)
    seen = []
    for batches in ([[3, 1], [0]], [[11, 2, 5]], [[7]]):
        with reading_ahead(reader, batches) as batches_read:
            assert [targets.tolist() for _, targets in batches_read] == batches
        seen.append({process.pid for process in multiprocessing.active_children()})
    assert len(seen[0]) == 1
    assert seen[0] == seen[1] == seen[2]


def test_reader__an_epoch_that_was_not_read_to_its_end_does_not_disturb_the_next(faces: Dataset):
    reader = CropReader(Crops(faces.split("train"), torch.arange(12), 48), device=torch.device("cpu"), workers=1)
    with reading_ahead(reader, [[index] for index in range(10)]) as batches_read:
        next(batches_read)
    with reading_ahead(reader, [[11], [10]]) as batches_read:
        assert [targets.tolist() for _, targets in batches_read] == [[11], [10]]
