"""A data set and images of one of its splits in, which of them its train split holds too out: the same face, pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.data.dataset import Dataset, Sample
from fercli.data.inspection import pixel_hashes
from fercli.progress import Progress, silent

_Face = tuple[object, ...]  # what tells a face from any other: what its picture shows, and where in it the face lies


@dataclass(frozen=True)
class TrainCopies:
    """Which images occur in train too. found: bool [B], in the order they were given in.

    compared: images of train that they were compared with, labelled or not. unreadable: those that could not be.
    marked: the data set says itself which images are copies, so that no picture was read.
    """

    found: NDArray[np.bool_]
    compared: int
    unreadable: int = 0
    marked: bool = False


def train_copies(dataset: Dataset, samples: Sequence[Sample], *, progress: Progress = silent) -> TrainCopies | None:
    """Find the samples whose exact pixels the train split has too; None where there is no train split to look in.

    A data set that marks copies is believed; the pictures of any other are read, all of train and those of `samples`.
    """
    trained = dataset.split("train", with_unlabelled=True)
    if not trained:
        return None
    if any(sample.group is not None for sample in dataset.samples):
        groups = {sample.group for sample in trained} - {None}
        return TrainCopies(np.array([sample.group in groups for sample in samples]), len(trained), marked=True)
    faces = list(_faces([*samples, *trained], progress))
    ours, theirs = faces[: len(samples)], faces[len(samples) :]
    known = set(theirs) - {None}
    unreadable = theirs.count(None)
    return TrainCopies(np.array([face in known for face in ours]), len(trained) - unreadable, unreadable)


def _faces(samples: Sequence[Sample], progress: Progress) -> Iterator[_Face | None]:
    """Every sample's face, None where its picture cannot be read; a picture with several faces is read once."""
    pictures = {(sample.path, sample.offset): sample for sample in samples}
    shown: dict[tuple[Path, int | None], str | None] = {}
    for done, (place, pixels) in enumerate(zip(pictures, pixel_hashes(list(pictures.values())), strict=True), start=1):
        shown[place] = pixels
        progress(done, len(pictures), "looking for images that are in train too")
    for sample in samples:
        pixels = shown[sample.path, sample.offset]
        yield None if pixels is None else (pixels, sample.box_xyxy, sample.landmarks)
