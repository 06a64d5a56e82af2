"""Weights in; one ONNX file out that runs anywhere, proven equal to torch before it gets its name."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fercli import __version__
from fercli.core.card import WeightsCard
from fercli.core.preprocess import to_input
from fercli.errors import RefusedError, UsageError
from fercli.progress import Progress, silent
from fercli.sessions import open_session
from fercli.store.atomic import refuse_existing, replacing
from fercli.store.crops import sample_crops
from fercli.store.onnx import INPUT, OPSET, OUTPUT
from fercli.store.weights import ONNX_SUFFIX, TORCH_SUFFIX, check_keys, load_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

BATCHES = (1, 3, 7, 16)  # sizes that the comparison runs at
TOLERANCE = 1e-3  # largest difference of a logit that is accepted


@dataclass(frozen=True)
class Parity:
    """How ONNX Runtime's answers compare with torch's: the proof that is written into the file.

    images: `faces` or `generated`. max_difference: largest |logit difference|; mean_difference: the mean one.
    top1_agreement: share of images with the same most probable class.
    """

    images: str
    batches: tuple[int, ...]
    max_difference: float
    mean_difference: float
    top1_agreement: float
    torch: str
    onnxruntime: str


@dataclass(frozen=True)
class ExportReport:
    """A written ONNX file: where, how big, of which model, and its proof."""

    out: Path
    size_bytes: int
    name: str
    opset: int
    parameters: int
    parity: Parity


def export(
    weights: Path,
    out: Path,
    *,
    faces: Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> ExportReport:
    """Write the inference part of a model as ONNX with its card, if ONNX Runtime gives the same answers as torch.

    The graph takes float32 `images` [batch, 3, S, S], normalised as the card says, and gives `logits` [batch, N] for any
    batch. Args: faces, a folder of face crops to compare on; without it smooth generated images are used.
    Raises: UsageError, WeightsError; RefusedError for a file that disagrees, which is then not kept.
    """
    import onnx

    if out.suffix != ONNX_SUFFIX:
        raise UsageError(f"the output {out} must end in {ONNX_SUFFIX}", fix=str(out.with_suffix(ONNX_SUFFIX)))
    if weights.suffix == ONNX_SUFFIX:
        raise UsageError(f"{weights} is an ONNX file already", fix=f"export from a {TORCH_SUFFIX} file")
    refuse_existing(out, overwrite=overwrite)
    progress(0, 4, "loading")
    state, card = load_weights(weights)
    size = card.model.input.size
    crops = _generated(size) if faces is None else sample_crops(faces, size, limit=max(BATCHES))
    model = _model(state, card, where=str(weights))
    progress(1, 4, "translating")
    graph = translate(model, card)
    with replacing(out) as temporary:
        onnx.save(graph, temporary)
        progress(2, 4, "checking")
        onnx.checker.check_model(temporary, full_check=True)
        progress(3, 4, "comparing")
        parity = compare(
            model, temporary, to_input(crops, card.model.input), images="generated" if faces is None else "faces"
        )
        _refuse_difference(parity)
        _describe(graph, card, parity)
        onnx.save(graph, temporary)
    progress(4, 4, "done")
    return ExportReport(
        out=out,
        size_bytes=out.stat().st_size,
        name=card.name,
        opset=OPSET,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        parity=parity,
    )


def translate(model: nn.Module, card: WeightsCard) -> Any:
    """An onnx.ModelProto of a model in evaluation mode, with any batch size and nothing of training in it.

    Raises: RefusedError if a parameter that only training uses has found its way in.
    """
    import torch

    side = card.model.input.size
    images = torch.zeros(2, 3, side, side)  # two: one would be taken for a constant
    batch = torch.export.Dim("batch", min=1)
    with _quiet_exporter():
        program = torch.onnx.export(
            model,
            (images,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: batch},),
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    graph = program.model_proto
    inside = {tensor.name for tensor in graph.graph.initializer}
    stray = sorted(inside & _training_only(card))
    if stray:
        raise RefusedError(
            f"the exported graph holds what only training uses: {', '.join(stray[:4])}",
            fix="report this; the weights are intact",
        )
    _strip(graph)
    return graph


def compare(model: nn.Module, path: Path, inputs: NDArray[np.float32], *, images: str) -> Parity:
    """Run torch and ONNX Runtime on the CPU over the same inputs [B, 3, S, S] at every batch size of BATCHES."""
    import onnxruntime
    import torch

    session, _ = open_session(path, "cpu")
    differences: list[NDArray[np.float32]] = []
    same: list[NDArray[np.bool_]] = []
    for size in BATCHES:
        batch = inputs[np.arange(size) % len(inputs)]
        with torch.inference_mode():
            wanted = model(torch.from_numpy(batch)).numpy()
        given = session.run([OUTPUT], {INPUT: batch})[0]
        differences.append(np.abs(given - wanted).ravel())
        same.append(given.argmax(axis=1) == wanted.argmax(axis=1))
    difference = np.concatenate(differences)
    return Parity(
        images=images,
        batches=BATCHES,
        max_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
        top1_agreement=float(np.concatenate(same).mean()),
        torch=torch.__version__,
        onnxruntime=onnxruntime.__version__,
    )


def _refuse_difference(parity: Parity) -> None:
    # written so that NaN is refused too
    if not (parity.max_difference <= TOLERANCE and parity.top1_agreement == 1):
        raise RefusedError(
            f"ONNX Runtime and torch disagree: logits differ by up to {parity.max_difference:.2g} (accepted: {TOLERANCE:g}), "
            f"the same class on {parity.top1_agreement:.1%} of the images; no file was written",
            fix="report it with the versions that `fer doctor` prints",
        )


def _model(state: Mapping[str, Tensor], card: WeightsCard, *, where: str) -> nn.Module:
    from fercli.models.btn import BTN

    model = BTN(card.model, len(card.labels), training_parts=False)
    check_keys(state, model.state_dict(), where=where)
    model.load_state_dict(dict(state))
    return model.eval()


def _training_only(card: WeightsCard) -> set[str]:
    """Names in the training model's state that inference does not have."""
    import torch

    from fercli.models.btn import BTN

    with torch.device("meta"):
        whole = BTN(card.model, len(card.labels))
    return set(whole.state_dict()) - set(whole.inference_state())


def _generated(size: int) -> NDArray[np.uint8]:
    """As many smooth random pictures as the largest batch needs, always the same: uint8 [B, size, size, 3]."""
    import cv2

    random = np.random.default_rng(0)
    coarse = random.normal(128, 60, (max(BATCHES), 8, 8, 3)).astype(np.float32)
    smooth = [cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC) for picture in coarse]
    return np.stack(smooth).clip(0, 255).astype(np.uint8)


def _describe(graph: Any, card: WeightsCard, parity: Parity) -> None:
    """Write who made the file, how it is used, its card and its proof into the ONNX metadata."""
    import onnx

    model = card.model.input
    grey = "make it grey (0.299 R + 0.587 G + 0.114 B) in all three channels, " if model.colour == "grey" else ""
    points = ", ".join(f"({x:.4f}, {y:.4f})" for x, y in card.crop.points)
    graph.producer_name, graph.producer_version = "fercli", __version__
    graph.doc_string = (
        f"{card.name} {card.version}: facial expression of one aligned face.\n"
        f"{INPUT}: float32 [batch, 3, {model.size}, {model.size}]. RGB crop of {model.size} x {model.size} px whose eyes, nose "
        f"and mouth corners lie at {points} (fractions of the side); divide by 255, {grey}"
        f"subtract {list(model.mean)}, divide by {list(model.std)} per channel.\n"
        f"{OUTPUT}: float32 [batch, {len(card.labels)}], in the order {', '.join(card.labels)}. "
        f"Probabilities are softmax({OUTPUT} / {card.temperature:g})."
    )
    onnx.helper.set_model_props(graph, {"card": card.to_json(), "parity": json.dumps(asdict(parity), sort_keys=True)})


def _strip(graph: Any) -> None:
    """Drop the exporter's notes on every node and value: stack traces and paths of the machine it ran on."""
    for item in (*graph.graph.node, *graph.graph.value_info, *graph.graph.input, *graph.graph.output):
        del item.metadata_props[:]
    for item in (graph, graph.graph):
        del item.metadata_props[:]
    for item in graph.graph.initializer:
        del item.metadata_props[:]


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep the exporter's log lines and deprecation warnings about itself off the terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
