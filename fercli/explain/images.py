"""The images of a data set that a figure shows: selected by name, or sampled by a seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fercli.data.crops import load_crop
from fercli.data.dataset import Dataset, Sample, Split
from fercli.errors import DataError
from fercli.evaluate.dataset_predictions import class_name, labelled_samples

_NAMED = 5  # missing images that an error names
_SAMPLING = 1 << 16  # stream of random numbers; those of a class in label changes are below it


@dataclass(frozen=True)
class LabelledImage:
    """An image of a data set: its name there, its sample, and the name of its class.

    true_label: its class before label noise was added for a study; None where none was.
    """

    name: str
    sample: Sample
    label: str
    true_label: str | None = None


def named_images(dataset: Dataset, split: Split, names: Sequence[str]) -> tuple[LabelledImage, ...]:
    """Find images by file name, stem, or path below the root or the working directory; DataError lists missing ones."""
    images = labelled_images(dataset, split)
    by_name: dict[str, LabelledImage] = {}
    for image in images:
        path = image.sample.path
        for key in (image.name, path.name, path.stem, str(path), str(path.resolve())):
            by_name.setdefault(key, image)
    missing = [name for name in names if name not in by_name and str(Path(name).resolve()) not in by_name]
    if missing:
        raise DataError(
            f"no labelled {split} image of {dataset.name} is {', '.join(missing[:_NAMED])}",
            fix=f"a file name such as {images[0].sample.path.name}, or another --split",
        )
    return tuple(by_name.get(name) or by_name[str(Path(name).resolve())] for name in names)


def sampling_generator(seed: int, samples: Iterable[Sample]) -> np.random.Generator:
    """Return random numbers to draw from samples: others than those of label noise with this seed, which put wrong labels first."""
    has_noise = any(sample.true_label is not None for sample in samples)
    return np.random.default_rng([seed, _SAMPLING] if has_noise else seed)


def sampled_images(
    dataset: Dataset, split: Split, count: int, *, seed: int, balanced: bool
) -> tuple[LabelledImage, ...]:
    """Sample `count` images; balanced: the same number of each class as far as there are enough."""
    images = labelled_images(dataset, split)
    order = sampling_generator(seed, (image.sample for image in images)).permutation(len(images)).tolist()
    if balanced:
        taken: dict[str, int] = {}
        ranked = []
        for index in order:
            label = images[index].label
            ranked.append((taken.get(label, 0), dataset.labels.index(label), index))
            taken[label] = taken.get(label, 0) + 1
        order = [index for _, _, index in sorted(ranked)]
    return tuple(images[index] for index in order[:count])


def labelled_images(dataset: Dataset, split: Split) -> tuple[LabelledImage, ...]:
    """Return every labelled image of a split; DataError if there is none."""
    return tuple(
        LabelledImage(
            sample.called(dataset.root),
            sample,
            class_name(dataset, sample),
            None if sample.true_label is None else dataset.labels[sample.true_label],
        )
        for sample in labelled_samples(dataset, split)
    )


def load_crops(images: Sequence[LabelledImage], size: int) -> NDArray[np.uint8]:
    """Load RGB crops uint8 [B, size, size, 3]."""
    return np.stack([load_crop(image.sample, size) for image in images])
