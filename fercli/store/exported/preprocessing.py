"""A file with preprocessing inside and this program's own in, how far their probabilities are apart out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.core.card import WeightsCard
from fercli.core.geometry import apply, centred_fit, invert, template_points
from fercli.core.preprocess import softmax
from fercli.errors import RefusedError
from fercli.media.crop import crop_face, crop_whole
from fercli.media.images import Rgb
from fercli.sessions import open_session
from fercli.store.exported.parity import Answers
from fercli.store.onnx import CROPS, POINTS, PROBABILITIES, Interface

ACCEPTED = 0.02  # mean difference of a probability; shrinking differs in how neighbouring pixels are weighed


@dataclass(frozen=True)
class Preprocessing:
    """Pictures of any size through the file and through this program: differences of probabilities, same classes."""

    pictures: int
    max_difference: float
    mean_difference: float
    top1_agreement: float


def compare_preprocessing(
    answers: Answers, path: Path, pictures: Sequence[Rgb], *, card: WeightsCard, interface: Interface
) -> Preprocessing:
    """Give whole pictures to a file, one by one, and their crops to `answers`.

    With interface `faces` each picture has five points on it, a little off the template's shape, turned and scaled.
    """
    session, _ = open_session(path, "cpu")
    size, random = card.model.input.size, np.random.default_rng(0)
    differences, same = [], []
    for rgb in pictures:
        given: dict[str, NDArray[Any]] = {CROPS: rgb[None]}
        if interface == "faces":
            points = _points(rgb, card, random)
            given[POINTS] = points[None]
            crop = crop_face(rgb, points, card.crop, size)[0]
        else:
            crop = crop_whole(rgb, size)[0]
        wanted = softmax(answers(crop[None]), card.temperature)
        found = session.run([PROBABILITIES], given)[0]
        differences.append(np.abs(found - wanted))
        same.append(found.argmax() == wanted.argmax())
    return Preprocessing(
        pictures=len(pictures),
        max_difference=float(np.max(differences)),
        mean_difference=float(np.mean(differences)),
        top1_agreement=float(np.mean(same)),
    )


def refuse_preprocessing(found: Preprocessing) -> None:
    """RefusedError if the preprocessing in the graph is not this program's."""
    if not found.mean_difference <= ACCEPTED:
        raise RefusedError(
            f"preprocessing in the graph changes probabilities by {found.mean_difference:.2g} on average "
            f"(accepted: {ACCEPTED:g}); no file was written",
            fix="--input images",
        )


def _points(rgb: Rgb, card: WeightsCard, random: np.random.Generator) -> NDArray[np.float32]:
    """Five points on a picture that shows a face as large as the crop template does: float32 [5, 2], in pixels."""
    size = card.model.input.size
    angle, scale = random.normal(0, 0.2), np.exp(random.normal(0, 0.1))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    spread = random.normal(0, 0.01 * size, (5, 2))
    moved = (template_points(card.crop, size) - size / 2) @ turn.T + size / 2 + spread
    return apply(invert(centred_fit(rgb.shape[1], rgb.shape[0], size)), moved).astype(np.float32)
