"""A data set and what a study does to its training images in, the changed data set out: fewer, relabelled, mislabelled.

Validation and test images are never touched. The order is: new labels, then the subset, then the noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fercli.data.dataset import Dataset, Sample
from fercli.data.relabel import read_relabels, relabelled
from fercli.errors import DataError, UsageError
from fercli.system.digest import file_sha256


@dataclass(frozen=True)
class Changes:
    """What is done to the training images; the default is nothing.

    images: how many are kept, the classes in their proportions; None keeps all.
    noise: share of the kept images, 0..1, that get another class, each other class being as likely (symmetric noise).
    noise_seed: decides which images are kept, which are mislabelled, and how.
    relabel: csv of new labels (see `relabel.py`).
    """

    images: int | None = None
    noise: float = 0.0
    noise_seed: int = 0
    relabel: str | None = None

    def __post_init__(self) -> None:
        if self.images is not None and self.images < 1:
            raise ValueError(f"images must be at least 1, is {self.images}")
        if not 0 <= self.noise < 1:
            raise ValueError(f"noise must lie in 0..1, 1 excluded, is {self.noise}")


def checked_changes(*, images: int | None, noise: float, noise_seed: int, relabel: Path | None) -> Changes:
    """The changes that a command line asks for; UsageError where a number is out of range."""
    try:
        return Changes(images, noise, noise_seed, None if relabel is None else str(relabel))
    except ValueError as error:
        raise UsageError(str(error), fix="--noise 0.2 is 20 %; --images 5000") from error


def change(dataset: Dataset, changes: Changes) -> Dataset:
    """Return the data set with its training images changed; its name and fingerprint say so.

    Errors: DataError where the csv of new labels does not fit, or more images are wanted than there are.
    """
    if changes == Changes():
        return dataset
    train = [sample for sample in dataset.samples if sample.split == "train"]
    rest = [sample for sample in dataset.samples if sample.split != "train"]
    words, marks = [dataset.name], [dataset.fingerprint or "", changes.images, changes.noise, changes.noise_seed]
    if changes.relabel is not None:
        path = Path(changes.relabel)
        train = relabelled(train, read_relabels(path, dataset.labels), root=dataset.root, where=path)
        words.append(f"labels changed by {path.name}")
        marks.append(file_sha256(path))
    if changes.images is not None:
        train = subset(train, changes.images, seed=changes.noise_seed)
        words.append(f"{changes.images} training images")
    if changes.noise:
        train = mislabelled(train, len(dataset.labels), share=changes.noise, seed=changes.noise_seed)
        words.append(f"{changes.noise:.0%} label noise (seed {changes.noise_seed})")
    return replace(
        dataset,
        name=", ".join(words),
        samples=(*train, *rest),
        fingerprint=hashlib.sha256(repr(marks).encode()).hexdigest(),
    )


def subset(samples: Sequence[Sample], count: int, *, seed: int) -> list[Sample]:
    """Draw `count` samples, every class (and those without one) in its proportion, at least one of each; in their order.

    Errors: DataError where there are fewer.
    """
    if count > len(samples):
        raise DataError(f"{count} training images are wanted, there are {len(samples)}", fix=f"--images {len(samples)}")
    labels = np.array([-1 if sample.label is None else sample.label for sample in samples])
    names, totals = np.unique(labels, return_counts=True)
    if count < len(names):
        raise DataError(f"{count} training images cannot hold {len(names)} classes", fix=f"--images {10 * len(names)}")
    wanted = totals * count / len(samples)
    shares = np.maximum(np.floor(wanted).astype(int), 1)
    while shares.sum() != count:  # largest remainder, either way, without emptying a class
        gap = wanted - shares
        if shares.sum() < count:
            shares[np.where(shares < totals, gap, -np.inf).argmax()] += 1
        else:
            shares[np.where(shares > 1, gap, np.inf).argmin()] -= 1
    kept: list[int] = []
    for name, share in zip(names.tolist(), shares.tolist(), strict=True):
        drawn = np.random.default_rng([seed, name + 1]).permutation(np.flatnonzero(labels == name))
        kept += drawn[:share].tolist()
    return [samples[place] for place in sorted(kept)]


def mislabelled(samples: Sequence[Sample], classes: int, *, share: float, seed: int) -> list[Sample]:
    """Give round(share n) of the n samples another class, drawn evenly from the others (symmetric label noise).

    The two classes change places in votes and first label too, so that every kind of target sees the same noise. A sample that
    has votes but no label counts as one of the class with most of them.
    """
    places = [place for place, sample in enumerate(samples) if _class(sample) is not None]
    draw = np.random.default_rng(seed)
    chosen = draw.permutation(places)[: round(share * len(places))].tolist()
    steps = draw.integers(1, classes, len(chosen)).tolist()  # 1 .. N - 1 classes further on: never the own one
    changed = list(samples)
    for place, step in zip(chosen, steps, strict=True):
        before = _class(samples[place])
        if before is not None:
            changed[place] = _moved(samples[place], before, (before + step) % classes)
    return changed


def _class(sample: Sample) -> int | None:
    if sample.label is not None:
        return sample.label
    if sample.votes is None or not any(sample.votes):
        return None
    return int(np.argmax(sample.votes))


def _moved(sample: Sample, before: int, after: int) -> Sample:
    swap = {before: after, after: before}
    votes = sample.votes
    return replace(
        sample,
        label=None if sample.label is None else after,
        votes=None if votes is None else tuple(votes[swap.get(place, place)] for place in range(len(votes))),
        first_label=swap.get(sample.first_label, sample.first_label) if sample.first_label is not None else None,
    )
