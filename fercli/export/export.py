"""`fer export`: write a model as an ONNX file that gives the same logits as torch.

The file gets its name only after ONNX Runtime and torch have been compared on the same images.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fercli.errors import UsageError
from fercli.export.byte_storage import store_as_bytes
from fercli.export.float16_storage import Float16Storage, store_as_float16
from fercli.export.graph import refuse_unused, translate
from fercli.export.metadata import write_metadata
from fercli.export.optional_expert import make_expert_optional
from fercli.export.options import ExportOptions, ExportReport
from fercli.export.parity import (
    PARITY_TOLERANCE,
    Parity,
    check_conversion,
    check_rounding,
    compare_onnx,
    onnx_logits,
    torch_logits,
    worst,
)
from fercli.export.precision import to_fp16, to_int8
from fercli.export.preprocessing import add_preprocessing
from fercli.export.preprocessing_parity import PreprocessingParity, compare_preprocessing, refuse_preprocessing
from fercli.export.samples import calibration_crops, comparison_crops, preprocessing_images
from fercli.export.self_check import self_check
from fercli.export.shortcuts import shortcuts_as_convolutions
from fercli.progress import Progress, silent
from fercli.system.chunks import chunked
from fercli.system.devices import providers
from fercli.system.files import refuse_existing, replacing
from fercli.system.model_digest import add_onnx_digest
from fercli.weights.card import WeightsCard
from fercli.weights.files import ONNX_SUFFIX, TORCH_SUFFIX
from fercli.weights.onnx_interface import Interface
from fercli.weights.preprocess import to_input

if TYPE_CHECKING:
    from fercli.models.btn import BTN

Translate = Callable[..., Any]  # a model in evaluation mode to an onnx.ModelProto

_STEPS = 5


def export(
    weights: Path,
    out: Path,
    options: ExportOptions | None = None,
    *,
    progress: Progress = silent,
    translate: Translate = translate,
) -> ExportReport:
    """Write the inference part of a model as ONNX with its card, if ONNX Runtime gives the same logits as torch.

    Raises: UsageError, WeightsError; DataError for too few faces; RefusedError for a file whose logits differ, which is
    then not written.
    """
    from fercli.weights.network import load_btn, with_convention

    options = options or ExportOptions()
    providers(options.device)  # raises DeviceError before there is work
    _refuse_names(weights, out)
    refuse_existing(out, overwrite=options.overwrite)
    progress(0, _STEPS, "loading")
    model, card = load_btn(weights)
    model, card = with_convention(model, card, options.convention)
    comparison = _Comparison.of(model, card, options)
    progress(1, _STEPS, "translating")
    graph = translate(model, card, opset=options.opset)
    with replacing(out) as temporary:
        parity, storage, preprocessing = _write_compared(graph, temporary, comparison, progress)
        device_parity = _compare_on_device(temporary, comparison, storage, translation=parity.translation)
    progress(_STEPS, _STEPS, "done")
    return ExportReport(
        out=out,
        size_bytes=out.stat().st_size,
        name=card.name,
        opset=options.opset,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        interface=options.interface,
        precision=options.precision,
        parity=parity,
        float16_storage=storage,
        preprocessing=preprocessing,
        conventions=card.convention_names,
        device_parity=device_parity,
    )


def _write_compared(
    graph: Any, path: Path, comparison: _Comparison, progress: Progress
) -> tuple[Parity, Float16Storage | None, PreprocessingParity | None]:
    """Write a graph to `path` by the options, comparing it with torch before and after rounding.

    Raises: RefusedError as soon as a comparison fails.
    """
    import onnx

    options, card = comparison.options, comparison.card
    onnx.save(graph, path)
    progress(2, _STEPS, "comparing")
    exact = comparison.run(path, "images")
    check_conversion(exact)
    progress(3, _STEPS, "rounding")
    graph, storage = _rounded(graph, path, comparison)
    if options.interface != "images":
        graph = add_preprocessing(graph, card, options.interface)
    refuse_unused(graph)
    del graph.graph.value_info[
        :
    ]  # shapes of intermediate values, which runtimes infer: a third of a percent of the file
    make_expert_optional(graph, card)
    onnx.save(graph, path)
    parity = replace(comparison.run(path, options.interface), translation=exact.max_difference)
    _check_rounding(parity, options, storage)
    preprocessing = _compare_preprocessing(path, card, options)
    tolerance = PARITY_TOLERANCE if options.precision == "fp32" else max(PARITY_TOLERANCE, parity.max_difference)
    write_metadata(
        graph,
        card,
        parity,
        interface=options.interface,
        precision=options.precision,
        float16_storage=storage,
        preprocessing=preprocessing,
        check=self_check(path, card, interface=options.interface, tolerance=tolerance),
    )
    onnx.save(graph, path)
    add_onnx_digest(path)
    progress(4, _STEPS, "checking")
    onnx.checker.check_model(path, full_check=True)
    return parity, storage, preprocessing


def _compare_on_device(
    path: Path, comparison: _Comparison, storage: Float16Storage | None, *, translation: float
) -> Parity | None:
    """Compare the finished file on the device of the options, with the limits of the CPU; None if that is the CPU."""
    options = comparison.options
    if options.device == "cpu":
        return None
    parity = replace(comparison.run(path, options.interface, device=options.device), translation=translation)
    _check_rounding(parity, options, storage)
    return parity


def _refuse_names(weights: Path, out: Path) -> None:
    if out.suffix != ONNX_SUFFIX:
        raise UsageError(f"the output {out} must end in {ONNX_SUFFIX}", fix=str(out.with_suffix(ONNX_SUFFIX)))
    if weights.suffix == ONNX_SUFFIX:
        raise UsageError(f"{weights} is already an ONNX file", fix=f"export from a {TORCH_SUFFIX} file")


@dataclass(frozen=True)
class _Comparison:
    """The crops of a comparison [B, S, S, 3], and the model to compare with. images: `faces` or `generated`."""

    model: BTN
    card: WeightsCard
    options: ExportOptions
    crops: NDArray[np.uint8]
    images: str

    @classmethod
    def of(cls, model: BTN, card: WeightsCard, options: ExportOptions) -> _Comparison:
        crops, images = comparison_crops(options.faces, card.model.input.size, count=max(options.batches))
        return cls(model, card, options, crops, images)

    def run(self, path: Path, interface: Interface, *, device: str = "cpu") -> Parity:
        cards = [self.card.for_convention(name) for name in self.card.convention_names] or [self.card]
        return worst(
            [
                compare_onnx(
                    torch_logits(self.model, card),
                    path,
                    self.crops,
                    card=card,
                    interface=interface,
                    images=self.images,
                    batches=self.options.batches,
                    device=device,
                )
                for card in cards
            ]
        )


def _rounded(graph: Any, path: Path, comparison: _Comparison) -> tuple[Any, Float16Storage | None]:
    """The graph, also in the file at `path`, in the precision and storage of the options; and what is stored as float16."""
    import onnx

    options, card = comparison.options, comparison.card
    if options.precision == "fp16":
        return to_fp16(graph), None
    if options.precision == "int8" and options.faces is not None:
        largest = max(options.batches)
        inputs = to_input(calibration_crops(options.faces, comparison.crops, count=largest), card.model.input)
        with tempfile.TemporaryDirectory() as folder:
            to_int8(path, Path(folder) / path.name, list(chunked(inputs, largest)))
            return onnx.load(Path(folder) / path.name), None
    shortcuts_as_convolutions(graph)
    if options.store == "fp32":
        return graph, None
    store_as_bytes(graph)
    return graph, store_as_float16(graph)


def _check_rounding(parity: Parity, options: ExportOptions, storage: Float16Storage | None) -> None:
    if options.precision != "fp32":
        check_rounding(parity, options.precision)
    elif storage is not None:
        check_rounding(parity, "stored")
    else:
        check_conversion(parity)


def _compare_preprocessing(path: Path, card: WeightsCard, options: ExportOptions) -> PreprocessingParity | None:
    """Compare the preprocessing inside a file with this package's; both use the file's own logits, already compared."""
    if options.interface == "images":
        return None
    images = preprocessing_images(options.faces, card.model.input.size, count=max(options.batches))
    logits_of, _ = onnx_logits(path, card, options.interface)
    parity = compare_preprocessing(logits_of, path, images, card=card, interface=options.interface)
    refuse_preprocessing(parity)
    return parity
