"""A proven file in, a picture that can be made from one formula and the file's answer to it out: for strangers to try."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.system.onnx_session import open_session
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import feeds
from fercli.weights.onnx_interface import CROPS, OUTPUT, POINTS, Interface
from fercli.weights.preprocess import softmax

_DECIMALS = 4
_FORMULA = (
    "uint8 RGB; the value at row y, column x and channel c, all counted from 0, is the remainder of "
    "(5 y + 3 x + 80 c) / 256"
)


def self_check(path: Path, card: WeightsCard, *, interface: Interface, tolerance: float) -> dict[str, Any]:
    """What a file answers for a picture that its reader can make: the metadata's `check`.

    tolerance: how far logits of another runtime may be from these. A file that takes `images` is given the picture
    normalised; the others are given one that is neither square nor of the model's size, `faces` with five turned points.
    """
    size = card.model.input.size
    height, width = (size, size) if interface == "images" else (size + size // 2, 2 * size)
    picture = _picture(height, width)
    check: dict[str, Any] = {"picture": _FORMULA, "height": height, "width": width, "tolerance": tolerance}
    given: dict[str, NDArray[Any]] = {CROPS: picture[None]}
    if interface == "images":
        given = feeds(picture[None], card, interface)
    if interface == "faces":
        points = _points(card)
        given[POINTS] = points.astype(np.float32)[None]
        check["points"] = points.tolist()
    session, _ = open_session(path, "cpu")
    logits = np.asarray(session.run([OUTPUT], given)[0], np.float32)
    check["logits"] = _rounded(logits)
    check["probabilities"] = _rounded(softmax(logits, card.temperature))
    return check


def _picture(height: int, width: int) -> NDArray[np.uint8]:
    """The picture of _FORMULA, uint8 [height, width, 3]: mirrored, turned or with channels swapped it is another."""
    y, x, c = np.ogrid[:height, :width, :3]
    picture: NDArray[np.uint8] = ((5 * y + 3 * x + 80 * c) % 256).astype(np.uint8)
    return picture


def _points(card: WeightsCard) -> NDArray[np.float64]:
    """Five points of a larger, turned face in the picture, [5, 2] in its pixels, with one decimal."""
    size = card.model.input.size
    turn = np.array([[1.2, 0.3], [-0.3, 1.2]])
    points: NDArray[np.float64] = (card.crop.points_px(size) @ turn.T + [0, 0.3 * size]).round(1)
    return points


def _rounded(row: NDArray[np.float32]) -> list[float]:
    return [round(float(value), _DECIMALS) for value in row[0]]
