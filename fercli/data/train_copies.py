"""Find images of a split that also occur in train: the same face with identical pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.data.dataset import Dataset, Sample
from fercli.data.inspection import pixel_hashes
from fercli.progress import Progress, silent

_FaceKey = tuple[object, ...]  # hash of the pixels, and the position of the face in the picture


@dataclass(frozen=True)
class TrainCopies:
    """Images that also occur in train. is_copy: bool [B], in the order of the given samples.

    compared: number of train images that they were compared with, labelled or not. unreadable: those that could not be
    read. marked: the copies are marked in the data set, so that no picture was read.
    """

    is_copy: NDArray[np.bool_]
    compared: int
    unreadable: int = 0
    marked: bool = False


def find_train_copies(
    dataset: Dataset, samples: Sequence[Sample], *, progress: Progress = silent
) -> TrainCopies | None:
    """Find the samples whose pixels are identical to those of a train image; None without a train split.

    Marks of the data set are used if there are any; otherwise the pictures of train and of `samples` are read.
    """
    train = dataset.split("train", with_unlabelled=True)
    if not train:
        return None
    if any(sample.group is not None for sample in dataset.samples):
        groups = {sample.group for sample in train} - {None}
        return TrainCopies(np.array([sample.group in groups for sample in samples]), len(train), marked=True)
    faces = list(_face_keys([*samples, *train], progress))
    given, in_train = faces[: len(samples)], faces[len(samples) :]
    known = set(in_train) - {None}
    unreadable = in_train.count(None)
    return TrainCopies(np.array([face in known for face in given]), len(train) - unreadable, unreadable)


def _face_keys(samples: Sequence[Sample], progress: Progress) -> Iterator[_FaceKey | None]:
    """The key of every sample's face, None if its picture cannot be read; a picture with several faces is read once."""
    pictures = {(sample.path, sample.offset): sample for sample in samples}
    hashes: dict[tuple[Path, int | None], str | None] = {}
    for done, (key, pixels) in enumerate(zip(pictures, pixel_hashes(list(pictures.values())), strict=True), start=1):
        hashes[key] = pixels
        progress(done, len(pictures), "searching images that also occur in train")
    for sample in samples:
        pixels = hashes[sample.path, sample.offset]
        yield None if pixels is None else (pixels, sample.box_xyxy, sample.landmarks)
