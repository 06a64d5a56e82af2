"""Compare the preprocessing inside an exported file with this package's own, by the resulting probabilities.

Letters: P images, N classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.errors import RefusedError
from fercli.faces.crop import crop_face, letterbox
from fercli.faces.geometry import invert, letterbox_transform, transform_points
from fercli.formatting import percent
from fercli.media.images import Rgb
from fercli.system.chunks import chunked
from fercli.system.onnx_session import open_session
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import LogitsFunction
from fercli.weights.onnx_interface import CROPS, POINTS, PROBABILITIES, Interface
from fercli.weights.preprocess import softmax

# accepted differences of a probability; downscaling weighs neighbouring pixels differently
ACCEPTED_MEAN, ACCEPTED_MAX = 0.02, 0.2
_BATCH = 4  # images of one size in a batch, at most


@dataclass(frozen=True)
class PreprocessingParity:
    """Probabilities of images of any size by the file's preprocessing, compared with this package's.

    Each image counts by its largest difference, alone or in a batch with others of its size. clear_agreement: share of
    images with the same class or a near-tie, whose top two probabilities differ by at most what is accepted for each.
    """

    pictures: int
    max_difference: float
    mean_difference: float
    top1_agreement: float
    clear_agreement: float


def compare_preprocessing(
    logits_of: LogitsFunction, path: Path, pictures: Sequence[Rgb], *, card: WeightsCard, interface: Interface
) -> PreprocessingParity:
    """Run a file on images, alone and in batches of one size, and `logits_of` on the crops of this package.

    With interface `faces` each image gets five points, close to the template's shape, rotated and scaled.
    """
    session, _ = open_session(path, "cpu")
    size, random = card.model.input.size, np.random.default_rng(0)
    points = [_points(rgb, card, random) for rgb in pictures]
    if interface == "faces":
        crops = [crop_face(rgb, five, card.crop, size)[0] for rgb, five in zip(pictures, points, strict=True)]
    else:
        crops = [letterbox(rgb, size)[0] for rgb in pictures]
    expected = np.concatenate([softmax(logits_of(crop[None]), card.temperature) for crop in crops])  # [P, N]
    difference, same = np.zeros_like(expected), np.ones(len(pictures), np.bool_)
    for batch in _batches(pictures):
        inputs: dict[str, NDArray[Any]] = {CROPS: np.stack([pictures[index] for index in batch])}
        if interface == "faces":
            inputs[POINTS] = np.stack([points[index] for index in batch])
        probabilities = session.run([PROBABILITIES], inputs)[0]
        difference[batch] = np.maximum(difference[batch], np.abs(probabilities - expected[batch]))
        same[batch] &= probabilities.argmax(axis=1) == expected[batch].argmax(axis=1)
    second, first = np.sort(expected, axis=1)[:, -2:].T
    return PreprocessingParity(
        pictures=len(pictures),
        max_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
        top1_agreement=float(same.mean()),
        clear_agreement=float((same | (first - second <= ACCEPTED_MAX)).mean()),
    )


def _batches(pictures: Sequence[Rgb]) -> list[list[int]]:
    """Indices of images to run together: each alone, and up to _BATCH of the same size."""
    by_size: dict[tuple[int, ...], list[int]] = {}
    for index, rgb in enumerate(pictures):
        by_size.setdefault(rgb.shape, []).append(index)
    batches = [batch for indices in by_size.values() for batch in chunked(indices, _BATCH)]
    return [*([index] for index in range(len(pictures))), *(batch for batch in batches if len(batch) > 1)]


def refuse_preprocessing(parity: PreprocessingParity) -> None:
    """Raise RefusedError if the preprocessing in the graph differs from this package's."""
    accepted = parity.mean_difference <= ACCEPTED_MEAN and parity.max_difference <= ACCEPTED_MAX  # false for NaN
    if not (accepted and parity.clear_agreement == 1):
        raise RefusedError(
            f"preprocessing in the graph changes probabilities by up to {parity.max_difference:.2g}, "
            f"{parity.mean_difference:.2g} on average (accepted: {ACCEPTED_MAX:g} and {ACCEPTED_MEAN:g}), the same class on "
            f"{percent(parity.clear_agreement, 1)} of the images; no file was written",
            fix="--input images",
        )


def _points(rgb: Rgb, card: WeightsCard, random: np.random.Generator) -> NDArray[np.float32]:
    """Five points in an image, of a face as large as in the crop template: float32 [5, 2], in pixels."""
    size = card.model.input.size
    angle, scale = random.normal(0, 0.2), np.exp(random.normal(0, 0.1))
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    noise = random.normal(0, 0.01 * size, (5, 2))
    moved = (card.crop.points_px(size) - size / 2) @ rotation.T + size / 2 + noise
    return transform_points(invert(letterbox_transform(rgb.shape[1], rgb.shape[0], size)), moved).astype(np.float32)
