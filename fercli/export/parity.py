"""Parity: how much the logits of an exported file differ from those of torch, and which differences are refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from fercli.errors import RefusedError
from fercli.formatting import percent
from fercli.system.devices import onnx_runtime
from fercli.system.onnx_session import open_session, optional_inputs
from fercli.weights.card import WeightsCard
from fercli.weights.classifier import LogitsFunction, expert_switch, onnx_inputs
from fercli.weights.onnx_interface import OUTPUT, Interface, output_of
from fercli.weights.preprocess import to_input

if TYPE_CHECKING:
    from fercli.models.btn import BTN

BATCHES = (1, 2, 7, 32)  # batch sizes of the comparison; 32 is the largest of `fer predict`
PARITY_TOLERANCE = 1e-3  # largest difference of a logit between ONNX Runtime and torch with the same weights

# Limits where values are rounded on purpose: largest difference of a logit, mean difference as a share of the logits' spread,
# and share of images that must keep their class (near-ties aside with weights stored as float16).
Rounded = Literal["stored", "fp16", "int8"]
LIMITS: dict[Rounded, tuple[float, float, float]] = {
    "stored": (0.05, math.inf, 1.0),
    "fp16": (0.2, math.inf, 0.95),
    "int8": (math.inf, 0.25, 0.85),
}
_NAMES: dict[Rounded, str] = {"stored": "weights stored as float16", "fp16": "float16", "int8": "int8"}


@dataclass(frozen=True)
class Parity:
    """Logits of a file in its runtime compared with those of torch, in float32 and with exact weights.

    images: `faces` or `generated`. distinct: number of different images; each counts once, by its largest difference over
    all batch sizes. max_difference, mean_difference: of |logit difference|. spread: standard deviation of torch's logits.
    top1_agreement: share of images with the same top class at every batch size. clear_agreement: the same, but images whose
    top two logits in torch differ by at most max_difference (near-ties) count as agreeing.
    translation: largest difference before values were rounded; the rest of max_difference is rounding.
    Of a model with several label conventions, each is the worst of all.
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
    """Remove duplicates among crops [B, S, S, 3], keeping the order."""
    _, first = np.unique(crops.reshape(len(crops), -1), axis=0, return_index=True)
    return crops[np.sort(first)]


def compare_logits(
    expected: LogitsFunction,
    exported: LogitsFunction,
    crops: NDArray[np.uint8],
    *,
    images: str,
    runtime: str,
    batches: tuple[int, ...] = BATCHES,
) -> Parity:
    """Compare the logits of torch and of a file for the same aligned crops [B, S, S, 3] at every batch size.

    runtime: name and version of what runs the file.
    """
    import torch

    crops = distinct(crops)[: max(batches)]
    logits = expected(crops)  # [I, N] of I images
    difference, same = np.zeros_like(logits), np.ones(len(crops), np.bool_)
    for size in batches:
        index = np.arange(size) % len(crops)
        reference, logits_of_file = expected(crops[index]), exported(crops[index])
        np.maximum.at(difference, index, np.abs(logits_of_file - reference))
        np.logical_and.at(same, index, logits_of_file.argmax(axis=1) == reference.argmax(axis=1))
    second, first = np.sort(logits, axis=1)[:, -2:].T
    largest = float(difference.max())
    return Parity(
        images=images,
        distinct=len(crops),
        batches=batches,
        max_difference=largest,
        mean_difference=float(difference.mean()),
        spread=float(logits.std()),
        top1_agreement=float(same.mean()),
        clear_agreement=float((same | (first - second <= largest)).mean()),
        translation=largest,
        torch=torch.__version__,
        runtime=runtime,
    )


def worst(parities: Sequence[Parity]) -> Parity:
    """Return the worst of every measure of comparisons on the same images, one for each label convention."""
    return replace(
        parities[0],
        max_difference=max(parity.max_difference for parity in parities),
        mean_difference=max(parity.mean_difference for parity in parities),
        spread=min(parity.spread for parity in parities),
        top1_agreement=min(parity.top1_agreement for parity in parities),
        clear_agreement=min(parity.clear_agreement for parity in parities),
        translation=max(parity.translation for parity in parities),
    )


def compare_onnx(
    expected: LogitsFunction,
    path: Path,
    crops: NDArray[np.uint8],
    *,
    card: WeightsCard,
    interface: Interface,
    images: str,
    batches: tuple[int, ...] = BATCHES,
    device: str = "cpu",
) -> Parity:
    """Compare torch on the CPU with an ONNX file on a device; both with the label convention of the card."""
    logits, running = onnx_logits(path, card, interface, device=device, batches=batches)
    runtime = f"onnxruntime {onnx_runtime().__version__}" + ("" if running == "cpu" else f" on {running}")
    return compare_logits(expected, logits, crops, images=images, runtime=runtime, batches=batches)


def onnx_logits(
    path: Path, card: WeightsCard, interface: Interface, *, device: str = "cpu", batches: Sequence[int] = ()
) -> tuple[LogitsFunction, str]:
    """Return an ONNX file as a function from aligned crops to the logits of the card's convention, and its device.

    batches: sizes that will run, as in `open_session`.
    """
    session, running = open_session(path, device, batches=sorted(batches))
    output, switches = output_of(OUTPUT, card.head), expert_switch(optional_inputs(session), card)

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(session.run([output], onnx_inputs(crops, card, interface) | switches)[0])

    return run, running


def torch_logits(model: BTN, card: WeightsCard) -> LogitsFunction:
    """Return a model in evaluation mode as a function from aligned crops to the logits of the card's convention."""
    import torch

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return model(torch.from_numpy(to_input(crops, card.model.input)), card.head).numpy()

    return run


def check_conversion(parity: Parity) -> None:
    """Raise RefusedError if a file with exact weights does not give the logits of torch."""
    # written as `not <=`, so that NaN is refused too
    if not (parity.max_difference <= PARITY_TOLERANCE and parity.top1_agreement == 1):
        raise RefusedError(
            f"{parity.runtime} and torch disagree: logits differ by up to {parity.max_difference:.2g} "
            f"(accepted: {PARITY_TOLERANCE:g}), the same class on {percent(parity.top1_agreement, 1)} of the images; "
            "no file was written",
            fix="report it with the versions printed by fer doctor",
        )


def check_rounding(parity: Parity, rounded: Rounded) -> None:
    """Raise RefusedError if rounding changes the logits by more than is accepted for its kind."""
    limit, share, agreement = LIMITS[rounded]
    near = parity.max_difference <= limit and parity.mean_difference <= share * parity.spread
    same = parity.clear_agreement if rounded == "stored" else parity.top1_agreement
    if not (near and same >= agreement):
        accepted = f"{limit:g}" if math.isfinite(limit) else f"a mean of {share * parity.spread:.2g}"
        raise RefusedError(
            f"with {_NAMES[rounded]}, logits differ by up to {parity.max_difference:.2g}, on average {parity.mean_difference:.2g} "
            f"(accepted: {accepted}), the same class on {percent(same, 1)} of the images (at least {percent(agreement, 0)}); "
            "no file was written",
            fix="--store fp32" if rounded == "stored" else "--precision fp32",
        )
