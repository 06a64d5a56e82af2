"""Weights in; one file out, ONNX or a program of torch, proven equal to the model before it gets its name."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fercli.data.crop_folder import evenly_spaced, read_crop_folder, read_crops
from fercli.errors import DataError, UsageError
from fercli.export.describe import describe
from fercli.export.graph import refuse_unread, translate
from fercli.export.halves import Halves, store_halves
from fercli.export.parity import (
    BATCHES,
    TOLERANCE,
    Answers,
    Parity,
    compare,
    compare_onnx,
    distinct,
    file_answers,
    refuse_rounding,
    refuse_translation,
)
from fercli.export.precision import Precision, to_fp16, to_int8
from fercli.export.preprocessing import Preprocessing, compare_preprocessing, refuse_preprocessing
from fercli.export.program import PROGRAM_SUFFIX, open_program, save_program
from fercli.export.self_check import self_check
from fercli.export.shortcuts import shortcuts_as_convolutions
from fercli.export.whole import whole_graph
from fercli.media.images import Rgb, list_images, read_rgb
from fercli.progress import Progress, silent
from fercli.system.files import refuse_existing, replacing
from fercli.weights.card import WeightsCard
from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX, check_keys, load_weights
from fercli.weights.onnx_interface import OPSET, Interface
from fercli.weights.preprocess import to_input

if TYPE_CHECKING:
    from torch import Tensor, nn

Store = Literal["fp16", "fp32"]
FEWEST = 8  # different faces that a proof on faces takes
CALIBRATION = 128  # crops that int8 takes its ranges from
_COPIES = 3  # pictures of each size that preprocessing is tried on
_STEPS = 5


@dataclass(frozen=True)
class ExportReport:
    """A written file: where, how big, of which model, what it takes, how it computes, and its proof.

    opset: of an ONNX file, None for a program of torch. halves: what is stored as float16, None where nothing is.
    preprocessing: None where the file takes `images`.
    """

    out: Path
    size_bytes: int
    name: str
    opset: int | None
    parameters: int
    interface: Interface
    precision: Precision
    parity: Parity
    halves: Halves | None
    preprocessing: Preprocessing | None


def export(
    weights: Path,
    out: Path,
    *,
    faces: Path | None = None,
    interface: Interface = "images",
    precision: Precision = "fp32",
    store: Store = "fp16",
    overwrite: bool = False,
    progress: Progress = silent,
) -> ExportReport:
    """Write the inference part of a model as ONNX with its card, if ONNX Runtime gives the same answers as torch.

    interface: `images`, normalised float32 [batch, 3, S, S] to logits [batch, N]; `crops` and `faces` take uint8 pictures
    of any size, see `whole_graph`. precision: what the network computes in; int8 needs `faces`, which it is calibrated on.
    store: how the file keeps float32 weights; fp16 rounds them once and halves the file. faces: a folder of face crops
    to compare on; without it smooth generated images are used.
    Raises: UsageError, WeightsError; DataError for too few faces; RefusedError for a file that disagrees, which is then not kept.
    """
    import onnx

    if out.suffix != ONNX_SUFFIX:
        raise UsageError(f"the output {out} must end in {ONNX_SUFFIX}", fix=str(out.with_suffix(ONNX_SUFFIX)))
    if weights.suffix == ONNX_SUFFIX:
        raise UsageError(f"{weights} is an ONNX file already", fix=f"export from a {TORCH_SUFFIX} file")
    if precision == "int8" and faces is None:
        raise UsageError("int8 takes the ranges of its numbers from real face crops", fix="--faces DIR")
    refuse_existing(out, overwrite=overwrite)
    progress(0, _STEPS, "loading")
    state, card = load_weights(weights)
    size = card.model.input.size
    crops, images = _crops(faces, size)
    model = _model(state, card, where=str(weights))
    answers = _answers(model, card)
    progress(1, _STEPS, "translating")
    graph = translate(model, card)
    with replacing(out) as temporary:
        onnx.save(graph, temporary)
        progress(2, _STEPS, "comparing")
        exact = compare_onnx(answers, temporary, crops, card=card, interface="images", images=images)
        refuse_translation(exact)
        progress(3, _STEPS, "rounding")
        calibration = _calibration(faces, crops) if faces is not None and precision == "int8" else None
        graph, halves = _rounded(graph, temporary, card, precision=precision, store=store, calibration=calibration)
        if interface != "images":
            graph = whole_graph(graph, card, interface)
        refuse_unread(graph)
        onnx.save(graph, temporary)
        found = compare_onnx(answers, temporary, crops, card=card, interface=interface, images=images)
        parity = replace(found, translation=exact.max_difference)
        _refuse(parity, precision=precision, stored=halves is not None)
        preprocessing = None
        if interface != "images":
            pictures = _pictures(faces, size)
            own = file_answers(temporary, card, interface)  # proven by now: what is left is not rounding
            preprocessing = compare_preprocessing(own, temporary, pictures, card=card, interface=interface)
            refuse_preprocessing(preprocessing)
        tolerance = TOLERANCE if precision == "fp32" else max(TOLERANCE, parity.max_difference)
        describe(
            graph,
            card,
            parity,
            interface=interface,
            precision=precision,
            halves=halves,
            preprocessing=preprocessing,
            check=self_check(temporary, card, interface=interface, tolerance=tolerance),
        )
        onnx.save(graph, temporary)
        progress(4, _STEPS, "checking")
        onnx.checker.check_model(temporary, full_check=True)
    progress(_STEPS, _STEPS, "done")
    return ExportReport(
        out=out,
        size_bytes=out.stat().st_size,
        name=card.name,
        opset=OPSET,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        interface=interface,
        precision=precision,
        parity=parity,
        halves=halves,
        preprocessing=preprocessing,
    )


def export_program(
    weights: Path,
    out: Path,
    *,
    faces: Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> ExportReport:
    """Write the inference part of a model as a torch.export program, if what is read back gives the model's answers.

    For programs that run torch but not this package. Arguments and errors as `export`.
    """
    import torch

    if out.suffix != PROGRAM_SUFFIX:
        raise UsageError(f"the output {out} must end in {PROGRAM_SUFFIX}", fix=str(out.with_suffix(PROGRAM_SUFFIX)))
    refuse_existing(out, overwrite=overwrite)
    progress(0, 3, "loading")
    state, card = load_weights(weights)
    crops, images = _crops(faces, card.model.input.size)
    model = _model(state, card, where=str(weights))
    with replacing(out) as temporary:
        progress(1, 3, "translating")
        save_program(model, card, temporary, {})
        progress(2, 3, "comparing")
        given, _ = open_program(temporary)
        runtime = f"torch.export {torch.__version__}"
        parity = compare(_answers(model, card), given, crops, images=images, runtime=runtime)
        refuse_translation(parity)
        save_program(model, card, temporary, {"parity": asdict(parity)})
    progress(3, 3, "done")
    return ExportReport(
        out=out,
        size_bytes=out.stat().st_size,
        name=card.name,
        opset=None,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        interface="images",
        precision="fp32",
        parity=parity,
        halves=None,
        preprocessing=None,
    )


def _model(state: Mapping[str, Tensor], card: WeightsCard, *, where: str) -> nn.Module:
    from fercli.models.btn import BTN

    model = BTN(card.model, len(card.labels), training_parts=False)
    check_keys(state, model.state_dict(), where=where)
    model.load_state_dict(dict(state))
    return model.eval()


def _answers(model: nn.Module, card: WeightsCard) -> Answers:
    """The model as a function of crops."""
    import torch

    def run(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return model(torch.from_numpy(to_input(crops, card.model.input))).numpy()

    return run


def _rounded(
    graph: Any,
    path: Path,
    card: WeightsCard,
    *,
    precision: Precision,
    store: Store,
    calibration: NDArray[np.uint8] | None,
) -> tuple[Any, Halves | None]:
    """The graph, which is also the file at `path`, as it is to compute and to be stored; and what became float16."""
    import onnx

    if precision == "fp16":
        return to_fp16(graph), None
    if precision == "int8" and calibration is not None:
        inputs, largest = to_input(calibration, card.model.input), max(BATCHES)
        batches = [inputs[start : start + largest] for start in range(0, len(inputs), largest)]
        with tempfile.TemporaryDirectory() as folder:
            to_int8(path, Path(folder) / path.name, batches)
            return onnx.load(Path(folder) / path.name), None
    shortcuts_as_convolutions(graph)
    return graph, store_halves(graph) if store == "fp16" else None


def _refuse(parity: Parity, *, precision: Precision, stored: bool) -> None:
    if precision != "fp32":
        refuse_rounding(parity, precision)
    elif stored:
        refuse_rounding(parity, "stored")
    else:
        refuse_translation(parity)


def _crops(faces: Path | None, size: int) -> tuple[NDArray[np.uint8], str]:
    """Different crops [B, S, S, 3] to compare on, from all over a folder, or generated; and which of both they are."""
    if faces is None:
        return _generated(size), "generated"
    crops = distinct(read_crop_folder(faces, size, limit=max(BATCHES)))
    if len(crops) < FEWEST:
        raise DataError(
            f"{faces} holds {len(crops)} different face{'' if len(crops) == 1 else 's'}, too few to prove a file on",
            fix=f"a folder with at least {FEWEST} face crops, or no --faces",
        )
    return crops, "faces"


def _calibration(faces: Path, proof: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Crops [B, S, S, 3] that int8 takes its ranges from: none of `proof` [P, S, S, 3], where the folder has enough others."""
    size, paths, proven = proof.shape[1], list_images(faces), {crop.tobytes() for crop in proof}
    taken = set(evenly_spaced(paths, max(BATCHES)))
    crops = read_crops(evenly_spaced([path for path in paths if path not in taken], CALIBRATION), size)
    others = crops[[crop.tobytes() not in proven for crop in crops]]
    return others if len(others) >= FEWEST else read_crop_folder(faces, size, limit=CALIBRATION)


def _pictures(faces: Path | None, size: int) -> list[Rgb]:
    """Pictures to try preprocessing on, several of each size: those of a folder and resized ones, or generated ones."""
    import cv2

    if faces is not None:
        own = [read_rgb(path) for path in evenly_spaced(list_images(faces), max(BATCHES))]
        some = [own[place * len(own) // _COPIES] for place in range(_COPIES)]
        shapes = [(0.5, 0.4), (1.2, 1.5), (3, 2.4)]
        copies = [cv2.resize(rgb, (round(wide * size), round(high * size))) for high, wide in shapes for rgb in some]
        return [*own, *copies]
    largest = _generated(4 * size)
    shapes = [(1, 1), (1.5, 1.5), (2, 1.3), (0.6, 0.7), (4, 4), (1.2, 3)]
    return [
        np.ascontiguousarray(largest[_COPIES * place + copy, : int(high * size), : int(wide * size)])
        for place, (high, wide) in enumerate(shapes)
        for copy in range(_COPIES)
    ]


def _generated(size: int) -> NDArray[np.uint8]:
    """As many smooth random pictures as the largest batch needs, always the same: uint8 [B, size, size, 3]."""
    import cv2

    random = np.random.default_rng(0)
    coarse = random.normal(128, 60, (max(BATCHES), 8, 8, 3)).astype(np.float32)
    smooth = [cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC) for picture in coarse]
    return np.stack(smooth).clip(0, 255).astype(np.uint8)
