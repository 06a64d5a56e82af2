"""Which images of a data set a figure shows, and how they look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.data.crops import load_crop
from fercli.data.dataset import SPLITS, Dataset, Sample, Split
from fercli.errors import DataError
from fercli.media.images import Rgb

_SHOWN = 5


@dataclass(frozen=True)
class Face:
    """An image of a data set: its name there, where it is, and the name of its class."""

    name: str
    sample: Sample
    label: str

    @property
    def path(self) -> Path:
        return self.sample.path


def named_faces(dataset: Dataset, split: Split, names: Sequence[str]) -> tuple[Face, ...]:
    """Find images by file name, stem, or path below the root or from here; DataError lists those that are not there."""
    faces = all_faces(dataset, split)
    places: dict[str, Face] = {}
    for face in faces:
        for key in (face.name, face.path.name, face.path.stem, str(face.path), str(face.path.resolve())):
            places.setdefault(key, face)
    missing = [name for name in names if name not in places and str(Path(name).resolve()) not in places]
    if missing:
        raise DataError(
            f"no labelled {split} image of {dataset.name} is {', '.join(missing[:_SHOWN])}",
            fix=f"a file name such as {faces[0].path.name}, or another --split",
        )
    return tuple(places.get(name) or places[str(Path(name).resolve())] for name in names)


def drawn_faces(dataset: Dataset, split: Split, count: int, *, seed: int, even: bool) -> tuple[Face, ...]:
    """Draw `count` images by seed: with `even` as many of each class as there are, otherwise as they come."""
    faces = all_faces(dataset, split)
    order = np.random.default_rng(seed).permutation(len(faces)).tolist()
    if even:
        taken: dict[str, int] = {}
        turn = []
        for place in order:
            label = faces[place].label
            turn.append((taken.get(label, 0), dataset.labels.index(label), place))
            taken[label] = taken.get(label, 0) + 1
        order = [place for _, _, place in sorted(turn)]
    return tuple(faces[place] for place in order[:count])


def all_faces(dataset: Dataset, split: Split) -> tuple[Face, ...]:
    """Every labelled image of a split; DataError where there is none."""
    faces = tuple(_face(dataset, sample) for sample in dataset.split(split))
    if not faces:
        others = [name for name in SPLITS if dataset.split(name)]
        raise DataError(
            f"{dataset.name} at {dataset.root} has no {split} images",
            fix=f"--split {others[-1]}" if others else "another data set",
        )
    return faces


def crops_of(faces: Sequence[Face], size: int) -> NDArray[np.uint8]:
    """RGB crops uint8 [B, size, size, 3]."""
    crops: list[Rgb] = [load_crop(face.sample, size) for face in faces]
    return np.stack(crops)


def _face(dataset: Dataset, sample: Sample) -> Face:
    if sample.label is None:
        raise ValueError(f"{sample.path} has no label")
    return Face(sample.called(dataset.root), sample, dataset.labels[sample.label])
