"""A model and its exported file in, how far their answers are apart out: the proof that is written into the file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fercli.core.card import WeightsCard
from fercli.errors import RefusedError
from fercli.sessions import open_session
from fercli.store.inference import feeds
from fercli.store.onnx import OUTPUT, Interface

BATCHES = (1, 2, 7, 32)  # sizes that the comparison runs at; 32 is the largest that `fer predict` runs
TOLERANCE = 1e-3  # largest difference of a logit between ONNX Runtime and torch with the same weights

# The same where numbers are rounded on purpose, with the share of images that must keep their class. With `stored`
# weights a class changes only if two are within 0.1 of each other; what int8 costs is measured by `fer eval`.
Rounded = Literal["stored", "fp16", "int8"]
_LIMITS: dict[Rounded, tuple[float, float]] = {"stored": (0.05, 0.0), "fp16": (0.2, 0.95), "int8": (math.inf, 0.85)}
_WORDS: dict[Rounded, str] = {"stored": "weights stored as float16", "fp16": "float16", "int8": "int8"}

Answers = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # aligned crops [B, S, S, 3] to logits [B, N]


@dataclass(frozen=True)
class Parity:
    """How the answers of a file in its runtime compare with torch's, which computes in float32 with exact weights.

    images: `faces` or `generated`. max_difference: largest |logit difference|; mean_difference: the mean one.
    top1_agreement: share of images with the same most probable class.
    translation: largest difference before numbers were rounded; what is left of max_difference is rounding.
    """

    images: str
    batches: tuple[int, ...]
    max_difference: float
    mean_difference: float
    top1_agreement: float
    translation: float
    torch: str
    runtime: str


def compare(wanted: Answers, given: Answers, crops: NDArray[np.uint8], *, images: str, runtime: str) -> Parity:
    """Give the same aligned crops [B, S, S, 3] to torch (`wanted`) and to a file (`given`) at every batch size of BATCHES.

    runtime: what runs the file, with its version.
    """
    import torch

    differences: list[NDArray[np.float32]] = []
    same: list[NDArray[np.bool_]] = []
    for size in BATCHES:
        batch = crops[np.arange(size) % len(crops)]
        right, found = wanted(batch), given(batch)
        differences.append(np.abs(found - right).ravel())
        same.append(found.argmax(axis=1) == right.argmax(axis=1))
    difference = np.concatenate(differences)
    return Parity(
        images=images,
        batches=BATCHES,
        max_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
        top1_agreement=float(np.concatenate(same).mean()),
        translation=float(difference.max()),
        torch=torch.__version__,
        runtime=runtime,
    )


def compare_onnx(
    wanted: Answers, path: Path, crops: NDArray[np.uint8], *, card: WeightsCard, interface: Interface, images: str
) -> Parity:
    """Compare torch with an ONNX file, which ONNX Runtime runs on the CPU."""
    import onnxruntime

    session, _ = open_session(path, "cpu")

    def given(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(session.run([OUTPUT], feeds(batch, card, interface))[0])

    return compare(wanted, given, crops, images=images, runtime=f"onnxruntime {onnxruntime.__version__}")


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
    limit, agreement = _LIMITS[rounded]
    if not (parity.max_difference <= limit and parity.top1_agreement >= agreement):
        raise RefusedError(
            f"{_WORDS[rounded]} change a logit by up to {parity.max_difference:.2g} (accepted: {limit:g}), the same class on "
            f"{parity.top1_agreement:.1%} of the images (at least {agreement:.0%}); no file was written",
            fix="--store fp32" if rounded == "stored" else "--precision fp32",
        )
