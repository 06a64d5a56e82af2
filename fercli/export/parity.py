"""A model and its exported file in, how far their answers are apart out: the proof that is written into the file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fercli.errors import RefusedError
from fercli.system.devices import onnx_runtime
from fercli.system.onnx_session import open_session
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import feeds
from fercli.weights.onnx_interface import OUTPUT, Interface

BATCHES = (1, 2, 7, 32)  # sizes that the comparison runs at; 32 is the largest that `fer predict` runs
TOLERANCE = 1e-3  # largest difference of a logit between ONNX Runtime and torch with the same weights

# The same where numbers are rounded on purpose, the mean difference as a share of the logits' spread, and the share of
# images that must keep their class; with `stored` weights near-ties aside.
Rounded = Literal["stored", "fp16", "int8"]
_LIMITS: dict[Rounded, tuple[float, float, float]] = {
    "stored": (0.05, math.inf, 1.0),
    "fp16": (0.2, math.inf, 0.95),
    "int8": (math.inf, 0.25, 0.85),
}
_WORDS: dict[Rounded, str] = {"stored": "weights stored as float16", "fp16": "float16", "int8": "int8"}

Answers = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # aligned crops [B, S, S, 3] to logits [B, N]


@dataclass(frozen=True)
class Parity:
    """How the answers of a file in its runtime compare with torch's, which computes in float32 with exact weights.

    images: `faces` or `generated`. distinct: how many different ones; each counts once, by its worst answer.
    max_difference: largest |logit difference|; mean_difference: the mean one. spread: standard deviation of torch's logits.
    top1_agreement: share of images with the same most probable class at every batch size. clear_agreement: the same with
    near-ties let pass, whose first two logits torch has no further apart than max_difference.
    translation: largest difference before numbers were rounded; what is left of max_difference is rounding.
    """

    images: str
    distinct: int
    batches: tuple[int, ...]
    max_difference: float
    mean_difference: float
    spread: float
    top1_agreement: float
    clear_agreement: float
    translation: float
    torch: str
    runtime: str


def distinct(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The different ones among crops [B, S, S, 3], in their order."""
    _, first = np.unique(crops.reshape(len(crops), -1), axis=0, return_index=True)
    return crops[np.sort(first)]


def compare(wanted: Answers, given: Answers, crops: NDArray[np.uint8], *, images: str, runtime: str) -> Parity:
    """Give the same aligned crops [B, S, S, 3] to torch (`wanted`) and to a file (`given`) at every batch size of BATCHES.

    runtime: what runs the file, with its version.
    """
    import torch

    crops = distinct(crops)[: max(BATCHES)]
    logits = wanted(crops)  # [I, N] of I images
    difference, same = np.zeros_like(logits), np.ones(len(crops), np.bool_)
    for size in BATCHES:
        places = np.arange(size) % len(crops)
        right, found = wanted(crops[places]), given(crops[places])
        np.maximum.at(difference, places, np.abs(found - right))
        np.logical_and.at(same, places, found.argmax(axis=1) == right.argmax(axis=1))
    second, first = np.sort(logits, axis=1)[:, -2:].T
    worst = float(difference.max())
    return Parity(
        images=images,
        distinct=len(crops),
        batches=BATCHES,
        max_difference=worst,
        mean_difference=float(difference.mean()),
        spread=float(logits.std()),
        top1_agreement=float(same.mean()),
        clear_agreement=float((same | (first - second <= worst)).mean()),
        translation=worst,
        torch=torch.__version__,
        runtime=runtime,
    )


def compare_onnx(
    wanted: Answers, path: Path, crops: NDArray[np.uint8], *, card: WeightsCard, interface: Interface, images: str
) -> Parity:
    """Compare torch with an ONNX file, which ONNX Runtime runs on the CPU."""
    given = file_answers(path, card, interface)
    return compare(wanted, given, crops, images=images, runtime=f"onnxruntime {onnx_runtime().__version__}")


def file_answers(path: Path, card: WeightsCard, interface: Interface) -> Answers:
    """An ONNX file as a function of aligned crops, on the CPU."""
    session, _ = open_session(path, "cpu")

    def answers(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(session.run([OUTPUT], feeds(crops, card, interface))[0])

    return answers


def refuse_translation(parity: Parity) -> None:
    """RefusedError if a file with exact weights does not give torch's answers."""
    # written so that NaN is refused too
    if not (parity.max_difference <= TOLERANCE and parity.top1_agreement == 1):
        raise RefusedError(
            f"{parity.runtime} and torch disagree: logits differ by up to {parity.max_difference:.2g} (accepted: {TOLERANCE:g}), "
            f"the same class on {parity.top1_agreement:.1%} of the images; no file was written",
            fix="report it with the versions that `fer doctor` prints",
        )


def refuse_rounding(parity: Parity, rounded: Rounded) -> None:
    """RefusedError if rounding changes the answers by more than is accepted for its kind."""
    limit, share, agreement = _LIMITS[rounded]
    near = parity.max_difference <= limit and parity.mean_difference <= share * parity.spread
    same = parity.clear_agreement if rounded == "stored" else parity.top1_agreement
    if not (near and same >= agreement):
        accepted = f"{limit:g}" if math.isfinite(limit) else f"a mean of {share * parity.spread:.2g}"
        raise RefusedError(
            f"{_WORDS[rounded]} change a logit by up to {parity.max_difference:.2g}, {parity.mean_difference:.2g} in the mean "
            f"(accepted: {accepted}), the same class on {same:.1%} of the images (at least {agreement:.0%}); "
            "no file was written",
            fix="--store fp32" if rounded == "stored" else "--precision fp32",
        )
