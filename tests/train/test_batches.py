"""Batches that are read ahead."""

from __future__ import annotations

import pytest
import torch

from fercli.data.dataset import Dataset
from fercli.data.loader import Crops
from fercli.train.batches import reading_ahead


def test_reading_ahead__yields_the_batches_in_their_order(faces: Dataset):
    crops = Crops(faces.split("train"), torch.arange(12), 48)
    batches = [[3, 1], [0], [11, 2, 5]]
    with reading_ahead(crops, batches, device=torch.device("cpu")) as batches_read:
        for indices, (images, targets) in zip(batches, batches_read, strict=True):
            assert targets.tolist() == indices
            assert (images.dtype, images.shape) == (torch.uint8, (len(indices), 3, 48, 48))
            assert all(torch.equal(image, crops[index][0]) for image, index in zip(images, indices, strict=True))


def test_reading_ahead__passes_an_error_of_the_reader_on(faces: Dataset):
    crops = Crops(faces.split("train"), torch.arange(12), 48)
    with (
        reading_ahead(crops, [[0], [99]], device=torch.device("cpu")) as batches_read,
        pytest.raises(IndexError),
    ):
        list(batches_read)
