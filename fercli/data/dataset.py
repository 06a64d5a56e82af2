"""A data set in memory: samples with a split and a class index, and the class names that the indices refer to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from fercli.config.labels import PAPER_ORDER
from fercli.results import Box, Landmarks

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class Sample:
    """One face on disk: a crop, a part of a picture, or a line of a csv file with pixels. `load_crop` reads it.

    label: index into the data set's labels; None for an image that has votes but no winning class.
    votes: raw annotator votes, one per label in the data set's order; votes for other classes (unknown, not a face)
        are left out, so they need not add up to the number of annotators. None where the data set has no votes.
    first_label: the original class before votes were taken (of FER2013, under FERPlus); None without votes.
    group: shared by images with identical pixels; None for an image without a copy, or if not searched for copies.
    box_xyxy: the face in a picture that shows more, in its pixels; None where the picture is the crop.
    landmarks: five points of the face in its picture, by which it is aligned while it is read; they outrank the box.
    offset: byte at which the image's line begins where `path` is a csv file of pixels.
    name: of the face in the official lists, where `path` alone does not identify it.
    true_label: its class before label noise was added for a study; None where none was.
    """

    path: Path
    split: Split
    label: int | None
    votes: tuple[float, ...] | None = None
    group: str | None = None
    first_label: int | None = None
    box_xyxy: Box | None = None
    landmarks: Landmarks | None = None
    offset: int | None = None
    name: str | None = None
    true_label: int | None = None

    @property
    def mislabelled(self) -> bool:
        """Whether label noise gave it another class."""
        return self.true_label is not None

    def called(self, root: Path) -> str:
        """Return the unique name of the face in its data set: the official one, or its path relative to `root`."""
        if self.name is not None:
            return self.name
        return (self.path.relative_to(root) if self.path.is_relative_to(root) else self.path).as_posix()


@dataclass(frozen=True)
class Dataset:
    """A data set in its own label order.

    labels: `labels[i]` is the name of class i. schema: name of the label schema, `folder` for a plain image folder.
    crop: name of the template the images are aligned to, on disk or while they are read; None for the official crops.
    alignment: the settings of that `fer align` run with their fingerprint, None where nothing is recorded.
    fingerprint: changes with every name, label, split and crop, and in a prepared set with every pixel (`fer data check`
        hashes the pictures of other sets); None before `open_dataset` has computed it.
    without_file: labelled images per split that have no file, because `fer align --on-no-face skip` detected no face.
    missing: images that the official lists name and that do not exist, with their line.
    """

    name: str
    schema: str
    labels: tuple[str, ...]
    samples: tuple[Sample, ...]
    root: Path
    crop: str | None = None
    alignment: Mapping[str, Any] | None = None
    fingerprint: str | None = None
    without_file: Mapping[Split, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"data set {self.name}: labels are not distinct: {self.labels}")
        for sample in self.samples:
            if sample.label is not None and not 0 <= sample.label < len(self.labels):
                raise ValueError(f"data set {self.name}: {sample.path} has label {sample.label} of {len(self.labels)}")
            if sample.votes is not None and len(sample.votes) != len(self.labels):
                raise ValueError(f"data set {self.name}: {sample.path} has {len(sample.votes)} votes")

    @property
    def template(self) -> str:
        """Name of the crop template for a model of this data set.

        Owners' crops count as ArcFace's close ones, those of FER2013 have a template of their own.
        """
        return self.crop or ("fer2013" if self.schema in ("fer2013", "ferplus") else "arcface")

    def split(self, name: Split, *, with_unlabelled: bool = False) -> tuple[Sample, ...]:
        """Samples of one split in a fixed order, empty if the split does not exist; unlabelled ones (votes only) on request."""
        return tuple(s for s in self.samples if s.split == name and (with_unlabelled or s.label is not None))

    def counts(self, split: Split) -> dict[str, int]:
        """Return the labelled images per class name of one split, in label order, zeros included."""
        counts = dict.fromkeys(self.labels, 0)
        for sample in self.split(split):
            counts[self.labels[sample.label or 0]] += 1
        return counts


def listing_fingerprint(dataset: Dataset) -> str:
    """Return the SHA-256 of every sample's name, split, label, votes and face position, as a data set's lists give them."""
    digest = hashlib.sha256(str(dataset.alignment["fingerprint"]).encode() if dataset.alignment else b"")
    for sample in dataset.samples:
        label = None if sample.label is None else dataset.labels[sample.label]
        position = sample.landmarks or sample.box_xyxy
        digest.update(f"{sample.called(dataset.root)},{sample.split},{label},{sample.votes},{position}\n".encode())
    return digest.hexdigest()


def paper_order(names: set[str]) -> tuple[str, ...]:
    """Sort class names in the paper's order (BTN, Table 4); other names follow alphabetically."""
    known = tuple(name for name in PAPER_ORDER if name in names)
    return known + tuple(sorted(names - set(known)))
