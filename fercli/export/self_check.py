"""The `check` of a file's metadata: a test image given by a formula, and the file's logits for it.

It lets users of other runtimes test their preprocessing and runtime without this package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.system.onnx_session import open_session
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import onnx_inputs
from fercli.weights.onnx_interface import CROPS, OUTPUT, POINTS, Interface, output_of
from fercli.weights.preprocess import softmax

_DECIMALS = 4
_FORMULA = (
    "uint8 RGB; the value at row y, column x and channel c, all counted from 0, is the remainder of "
    "(5 y + 3 x + 80 c) / 256"
)


def self_check(path: Path, card: WeightsCard, *, interface: Interface, tolerance: float) -> dict[str, Any]:
    """Return the formula of the test image and the file's logits and probabilities for it, of every label convention.

    tolerance: accepted difference of a logit in another runtime. Files that take `images` get the test image normalised;
    the others get one that is neither square nor of the model's size, `faces` with five points of a rotated face.
    """
    size = card.model.input.size
    height, width = (size, size) if interface == "images" else (size + size // 2, 2 * size)
    picture = _picture(height, width)
    check: dict[str, Any] = {"picture": _FORMULA, "height": height, "width": width, "tolerance": tolerance}
    inputs: dict[str, NDArray[Any]] = {CROPS: picture[None]}
    if interface == "images":
        inputs = onnx_inputs(picture[None], card, interface)
    if interface == "faces":
        points = _points(card)
        inputs[POINTS] = points.astype(np.float32)[None]
        check["points"] = points.tolist()
    session, _ = open_session(path, "cpu")

    def expected(card: WeightsCard) -> dict[str, list[float]]:
        logits = np.asarray(session.run([output_of(OUTPUT, card.head)], inputs)[0], np.float32)
        return {"logits": _rounded(logits), "probabilities": _rounded(softmax(logits, card.temperature))}

    check |= expected(card)
    if card.conventions:
        check["conventions"] = {other.name: expected(card.for_convention(other.name)) for other in card.conventions}
    return check


def _picture(height: int, width: int) -> NDArray[np.uint8]:
    """The image of _FORMULA, uint8 [height, width, 3]; it changes when mirrored, rotated or with channels swapped."""
    y, x, c = np.ogrid[:height, :width, :3]
    picture: NDArray[np.uint8] = ((5 * y + 3 * x + 80 * c) % 256).astype(np.uint8)
    return picture


def _points(card: WeightsCard) -> NDArray[np.float64]:
    """Five points of a larger, rotated face in the image, [5, 2] in pixels, with one decimal."""
    size = card.model.input.size
    rotation = np.array([[1.2, 0.3], [-0.3, 1.2]])
    points: NDArray[np.float64] = (card.crop.points_px(size) @ rotation.T + [0, 0.3 * size]).round(1)
    return points


def _rounded(row: NDArray[np.float32]) -> list[float]:
    return [round(float(value), _DECIMALS) for value in row[0]]
