"""The result of comparing two evaluations of the same images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fercli.evaluate.mcnemar import PairedTest
from fercli.formatting import Interval


@dataclass(frozen=True)
class ComparedModel:
    """One of the two evaluations, on the images that both have.

    name: model name, or the folder name if there is no result.json. unpaired: number of images that the other one lacks.
    """

    name: str
    path: Path
    accuracy: float
    accuracy_interval: Interval
    mean_accuracy: float
    unpaired: int


@dataclass(frozen=True)
class ChangedImage:
    """An image that the two classify differently. kind: gained (only B is right), lost (only A), or neither is right.

    label_a, label_b: the predicted classes. probability_a, probability_b: the probabilities of these.
    """

    source: str
    truth: str
    label_a: str
    label_b: str
    probability_a: float
    probability_b: float
    kind: Literal["gained", "lost", "neither"]


@dataclass(frozen=True)
class ClassComparison:
    """One class: its images, those that only A or only B classifies correctly, and the exact McNemar p-value."""

    name: str
    images: int
    only_a: int
    only_b: int
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """B against A. changes: gained images first, then lost, then others; most confident predictions of B first.

    warnings: what limits the comparison. collapsed: both predict one class for every image, so that a test says nothing about
    the two networks.
    """

    a: ComparedModel
    b: ComparedModel
    test: PairedTest
    classes: tuple[ClassComparison, ...]
    changes: tuple[ChangedImage, ...]
    warnings: tuple[str, ...]
    collapsed: bool
