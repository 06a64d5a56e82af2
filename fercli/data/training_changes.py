"""Change the training images of a data set for a study: new labels, a subset, label noise, in this order.

Validation and test images are never changed; those that cannot be decoded are left out on request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fercli.data.dataset import Dataset, Sample
from fercli.data.readable import without_unreadable
from fercli.data.relabel import read_relabels, relabel
from fercli.errors import DataError, UsageError
from fercli.formatting import percent
from fercli.system.digest import file_sha256


@dataclass(frozen=True)
class TrainingChanges:
    """Changes of the training images; the default is none.

    images: number of images to keep, with the class proportions of all; None keeps all.
    noise: share of the kept images, 0..1, that get another class, drawn uniformly from the other classes.
    noise_seed: seed of the subset and of the noise.
    relabel: csv of new labels (see `relabel.py`).
    skip_unreadable: leave out pictures that cannot be decoded, of every split.
    """

    images: int | None = None
    noise: float = 0.0
    noise_seed: int = 0
    relabel: str | None = None
    skip_unreadable: bool = False

    def __post_init__(self) -> None:
        if self.images is not None and self.images < 1:
            raise ValueError(f"images must be at least 1, got {self.images}")
        if not 0 <= self.noise < 1:
            raise ValueError(f"noise must be at least 0 and less than 1, got {self.noise}")


def parse_changes(
    *, images: int | None, noise: float, noise_seed: int, relabel: Path | None, skip_unreadable: bool = False
) -> TrainingChanges:
    """Return the changes from command-line options; UsageError for a number out of range."""
    try:
        return TrainingChanges(images, noise, noise_seed, None if relabel is None else str(relabel), skip_unreadable)
    except ValueError as error:
        raise UsageError(str(error), fix="--noise 0.2 is 20 %; --images 5000") from error


def apply_changes(dataset: Dataset, changes: TrainingChanges) -> Dataset:
    """Return the data set with its training images changed; its name and fingerprint describe the changes.

    Raises: DataError if the csv of new labels belongs to another data set, or there are fewer images than requested.
    """
    if changes == TrainingChanges():
        return dataset
    if changes.skip_unreadable:
        return apply_changes(without_unreadable(dataset), replace(changes, skip_unreadable=False))
    train = [sample for sample in dataset.samples if sample.split == "train"]
    rest = [sample for sample in dataset.samples if sample.split != "train"]
    names, marks = [dataset.name], [dataset.fingerprint or "", changes.images, changes.noise, changes.noise_seed]
    if changes.relabel is not None:
        path = Path(changes.relabel)
        train = relabel(train, read_relabels(path, dataset.labels), root=dataset.root, where=path)
        names.append(f"labels changed by {path.name}")
        marks.append(file_sha256(path))
    if changes.images is not None:
        train = subset(train, changes.images, seed=changes.noise_seed)
        names.append(f"{changes.images} training images")
    if changes.noise:
        train = mislabelled(train, len(dataset.labels), share=changes.noise, seed=changes.noise_seed)
        names.append(f"{percent(changes.noise, 0)} label noise (seed {changes.noise_seed})")
    return replace(
        dataset,
        name=", ".join(names),
        samples=(*train, *rest),
        fingerprint=hashlib.sha256(repr(marks).encode()).hexdigest(),
    )


def subset(samples: Sequence[Sample], count: int, *, seed: int) -> list[Sample]:
    """Draw `count` samples with the class proportions of all (unlabelled ones count as a class), at least one of each class.

    They keep their order. Raises: DataError where there are fewer.
    """
    if count > len(samples):
        raise DataError(f"{count} training images requested, there are {len(samples)}", fix=f"--images {len(samples)}")
    labels = np.array([-1 if sample.label is None else sample.label for sample in samples])
    names, totals = np.unique(labels, return_counts=True)
    if count < len(names):
        raise DataError(
            f"{count} training images are too few for {len(names)} classes", fix=f"--images {10 * len(names)}"
        )
    exact = totals * count / len(samples)
    shares = np.maximum(np.floor(exact).astype(int), 1)
    while shares.sum() != count:  # largest remainder method, in both directions, at least one of each class
        gap = exact - shares
        if shares.sum() < count:
            shares[np.where(shares < totals, gap, -np.inf).argmax()] += 1
        else:
            shares[np.where(shares > 1, gap, np.inf).argmin()] -= 1
    kept: list[int] = []
    for name, share in zip(names.tolist(), shares.tolist(), strict=True):
        drawn = np.random.default_rng([seed, name + 1]).permutation(np.flatnonzero(labels == name))
        kept += drawn[:share].tolist()
    return [samples[index] for index in sorted(kept)]


def mislabelled(samples: Sequence[Sample], classes: int, *, share: float, seed: int) -> list[Sample]:
    """Give round(share n) of the n samples another class, drawn uniformly from the others (symmetric label noise).

    The two classes are swapped in votes and first label too, so that every kind of target has the same noise. A sample
    with votes but no label counts as one of the class with most votes.
    """
    candidates = [index for index, sample in enumerate(samples) if _class(sample) is not None]
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(candidates)[: round(share * len(candidates))].tolist()
    offsets = rng.integers(1, classes, len(chosen)).tolist()  # 1 .. N - 1: never the same class
    changed = list(samples)
    for index, offset in zip(chosen, offsets, strict=True):
        before = _class(samples[index])
        if before is not None:
            changed[index] = _swap_classes(samples[index], before, (before + offset) % classes)
    return changed


def _class(sample: Sample) -> int | None:
    if sample.label is not None:
        return sample.label
    if sample.votes is None or not any(sample.votes):
        return None
    return int(np.argmax(sample.votes))


def _swap_classes(sample: Sample, before: int, after: int) -> Sample:
    swap = {before: after, after: before}
    votes = sample.votes
    return replace(
        sample,
        true_label=before,
        label=None if sample.label is None else after,
        votes=None if votes is None else tuple(votes[swap.get(index, index)] for index in range(len(votes))),
        first_label=swap.get(sample.first_label, sample.first_label) if sample.first_label is not None else None,
    )
