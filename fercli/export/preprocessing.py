"""A file with preprocessing inside and this program's own in, how far their probabilities are apart out.

Letters: P pictures, N classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.errors import RefusedError
from fercli.export.parity import Answers
from fercli.faces.crop import crop_face, crop_whole
from fercli.faces.geometry import apply, centred_fit, invert
from fercli.media.images import Rgb
from fercli.system.onnx_session import open_session
from fercli.weights.card import WeightsCard
from fercli.weights.onnx_interface import CROPS, POINTS, PROBABILITIES, Interface
from fercli.weights.preprocess import softmax

# mean and largest difference of a probability; shrinking differs in how neighbouring pixels are weighed
ACCEPTED, ACCEPTED_LARGEST = 0.02, 0.2
_TOGETHER = 4  # pictures of one size in a batch, at most


@dataclass(frozen=True)
class Preprocessing:
    """Pictures of any size through the file and through this program: differences of probabilities, same classes.

    Each picture counts by its worst answer, alone or with others of its size. clear_agreement: the share with the same
    class, or with a near-tie, whose first two probabilities this program has no further apart than max_difference.
    """

    pictures: int
    max_difference: float
    mean_difference: float
    top1_agreement: float
    clear_agreement: float


def compare_preprocessing(
    answers: Answers, path: Path, pictures: Sequence[Rgb], *, card: WeightsCard, interface: Interface
) -> Preprocessing:
    """Give whole pictures to a file, alone and in batches of those that have one size, and their crops to `answers`.

    With interface `faces` each picture has five points on it, a little off the template's shape, turned and scaled.
    """
    session, _ = open_session(path, "cpu")
    size, random = card.model.input.size, np.random.default_rng(0)
    points = [_points(rgb, card, random) for rgb in pictures]
    if interface == "faces":
        crops = [crop_face(rgb, five, card.crop, size)[0] for rgb, five in zip(pictures, points, strict=True)]
    else:
        crops = [crop_whole(rgb, size)[0] for rgb in pictures]
    wanted = np.concatenate([softmax(answers(crop[None]), card.temperature) for crop in crops])  # [P, N]
    difference, same = np.zeros_like(wanted), np.ones(len(pictures), np.bool_)
    for places in _batches(pictures):
        given: dict[str, NDArray[Any]] = {CROPS: np.stack([pictures[place] for place in places])}
        if interface == "faces":
            given[POINTS] = np.stack([points[place] for place in places])
        found = session.run([PROBABILITIES], given)[0]
        difference[places] = np.maximum(difference[places], np.abs(found - wanted[places]))
        same[places] &= found.argmax(axis=1) == wanted[places].argmax(axis=1)
    second, first = np.sort(wanted, axis=1)[:, -2:].T
    worst = float(difference.max())
    return Preprocessing(
        pictures=len(pictures),
        max_difference=worst,
        mean_difference=float(difference.mean()),
        top1_agreement=float(same.mean()),
        clear_agreement=float((same | (first - second <= worst)).mean()),
    )


def _batches(pictures: Sequence[Rgb]) -> list[list[int]]:
    """Places of pictures that are given together: each alone, and up to _TOGETHER that have the same size."""
    sizes: dict[tuple[int, ...], list[int]] = {}
    for place, rgb in enumerate(pictures):
        sizes.setdefault(rgb.shape, []).append(place)
    together = [
        places[start : start + _TOGETHER] for places in sizes.values() for start in range(0, len(places), _TOGETHER)
    ]
    return [*([place] for place in range(len(pictures))), *(places for places in together if len(places) > 1)]


def refuse_preprocessing(found: Preprocessing) -> None:
    """RefusedError if the preprocessing in the graph is not this program's."""
    near = found.mean_difference <= ACCEPTED and found.max_difference <= ACCEPTED_LARGEST  # not so of NaN
    if not (near and found.clear_agreement == 1):
        raise RefusedError(
            f"preprocessing in the graph changes probabilities by up to {found.max_difference:.2g}, "
            f"{found.mean_difference:.2g} in the mean (accepted: {ACCEPTED_LARGEST:g} and {ACCEPTED:g}), the same class on "
            f"{found.clear_agreement:.1%} of the pictures; no file was written",
            fix="--input images",
        )


def _points(rgb: Rgb, card: WeightsCard, random: np.random.Generator) -> NDArray[np.float32]:
    """Five points on a picture that shows a face as large as the crop template does: float32 [5, 2], in pixels."""
    size = card.model.input.size
    angle, scale = random.normal(0, 0.2), np.exp(random.normal(0, 0.1))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    spread = random.normal(0, 0.01 * size, (5, 2))
    moved = (card.crop.points_px(size) - size / 2) @ turn.T + size / 2 + spread
    return apply(invert(centred_fit(rgb.shape[1], rgb.shape[0], size)), moved).astype(np.float32)
