"""Compare the speed, size and accuracy of models in torch, ONNX Runtime and lower precision."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from fercli.bench.isolated import run_isolated, write_measurement
from fercli.config.presets import MODELS, model_preset
from fercli.errors import UsageError
from fercli.evaluate.evaluate import EvaluateOptions, evaluate
from fercli.export.export import export
from fercli.export.options import ExportOptions
from fercli.export.precision import Precision
from fercli.progress import Progress, silent
from fercli.system.devices import cpu_threads, resolve_device, torch_name
from fercli.weights.card import WeightsCard
from fercli.weights.files import TORCH_SUFFIX, save_weights
from fercli.weights.find import find_weights
from fercli.weights.preprocess import to_input

BASELINE, TORCH = "baseline in torch", "torch"
SECONDS = 1.5  # how long a batch size is measured in each round
_PEAK_SIDE, _PEAK_SIDE_GPU, _PEAK_TIMES = 1024, 8192, 6  # only large matrices keep all cores of a GPU busy

_Round = tuple[float, float | None, str]  # milliseconds a face, peak memory, device


@dataclass(frozen=True)
class ModelRow:
    """One model in one format at one batch size: medians of the rounds.

    size_mb: of the file. accuracy: on the test split of a data set, None without one or for random weights.
    spread_ms: minimum and maximum of the rounds. times_reference: speed relative to the reference implementation in torch.
    peak_mb: peak memory of the process. share: of the device's measured peak; float16 and int8 may exceed it.
    """

    model: str
    format: str
    precision: str
    device: str
    batch: int
    size_mb: float
    accuracy: float | None
    ms_per_face: float
    spread_ms: tuple[float, float]
    times_reference: float
    peak_mb: float | None
    share: float

    @property
    def faces_per_s(self) -> float:
        return 1000 / self.ms_per_face


@dataclass(frozen=True)
class ModelsBench:
    """All rows. peak_gflops: float32 operations per second of a matrix product on the device, in 10 ** 9."""

    threads: int
    peak_gflops: float
    rows: tuple[ModelRow, ...]


@dataclass(frozen=True)
class _Variant:
    """A model file and the format it runs in. operations: multiplications plus additions per face."""

    model: str
    format: str
    precision: str
    path: Path
    operations: float
    accuracy: float | None


def bench_models(
    models: Sequence[str],
    *,
    faces: Path | None = None,
    data: str | None = None,
    precisions: Sequence[str] | None = None,
    batches: Sequence[int] = (1, 16),
    device: str = "cpu",
    rounds: int = 3,
    progress: Progress = silent,
) -> ModelsBench:
    """Measure models (presets with random weights, or weights with a card) in every format in turn, in fresh processes.

    faces: crops for calibrating int8 and for comparing every file with torch; required for int8. data: a data set whose
    test split gives the accuracy; presets have none. precisions: of the ONNX files, None is `default_precisions`. device:
    with tensorrt, torch runs on the same GPU with CUDA.
    Raises: UsageError, WeightsError, DataError, DeviceError, RefusedError.
    """
    if precisions is None:
        precisions = default_precisions(device, faces=faces)
    known = [kind for kind in get_args(Precision) if kind in precisions]
    if len(known) != len(precisions):
        raise UsageError(
            f"unknown precision among {', '.join(precisions)}", fix=f"precisions: {', '.join(get_args(Precision))}"
        )
    if "int8" in precisions and faces is None:
        raise UsageError("int8 is calibrated on real face crops", fix="--faces DIR")
    with tempfile.TemporaryDirectory() as folder:
        variants: list[_Variant] = []
        for index, model in enumerate(models):
            progress(index, len(models), f"exporting {model}")
            variants += _variants(model, Path(folder), faces=faces, data=data, precisions=known, device=device)
        results: dict[tuple[int, int], list[_Round]] = {}  # by index of the variant and batch size
        peaks, done = [], 0
        total = rounds * len(variants) * len(batches)
        for _ in range(rounds):
            peaks.append(run_isolated("fercli.bench.models", {"name": "peak", "device": device}).value)
            for index, variant in enumerate(variants):
                for batch in batches:
                    progress(done, total, f"{variant.model} {variant.format} {variant.precision}, batch {batch}")
                    done += 1
                    running = _device_of(variant.format, device)
                    task = {"name": variant.format, "path": str(variant.path), "device": running, "batch": batch}
                    measured = run_isolated("fercli.bench.models", task)
                    results.setdefault((index, batch), []).append(
                        (measured.value["ms_per_face"], measured.peak_mb, measured.value["device"])
                    )
        peak = max(peaks)
        return ModelsBench(
            threads=cpu_threads(),
            peak_gflops=peak,
            rows=tuple(
                _row(variants[i], batch, rounds, peak=peak, reference=_reference(variants[i], batch, variants, results))
                for (i, batch), rounds in results.items()
            ),
        )


def default_precisions(device: str, *, faces: Path | None) -> tuple[Precision, ...]:
    """Return the precisions that are measured by default: fp16 on a GPU, int8 on the CPU if there are faces for calibration."""
    if device.startswith(("cuda", "tensorrt")):
        return ("fp32", "fp16")
    return ("fp32",) if faces is None else ("fp32", "int8")


def _variants(
    model: str,
    folder: Path,
    *,
    faces: Path | None,
    data: str | None,
    precisions: Sequence[Precision],
    device: str,
) -> list[_Variant]:
    """Every format of one model: the reference and the model in torch, and ONNX in each precision."""
    weights = random_weights(model, folder) if model in MODELS else find_weights(model, (TORCH_SUFFIX,))
    measured = None if model in MODELS else data
    operations = count_operations(weights)

    def variant(form: str, precision: str, path: Path) -> _Variant:
        accuracy = None
        if measured is not None and form != BASELINE:
            accuracy = evaluate(path, measured, EvaluateOptions(device=_device_of(form, device))).score.accuracy
        return _Variant(model, form, precision, path, operations, accuracy)

    variants = [variant(BASELINE, "fp32", weights), variant(TORCH, "fp32", weights)]
    for precision in precisions:
        out = folder / f"{Path(model).stem}-{precision}.onnx"
        export(weights, out, ExportOptions(faces=faces, precision=precision))
        variants.append(variant("ONNX Runtime", precision, out))
    return variants


def _device_of(form: str, device: str) -> str:
    """The device a format runs on: torch does not support TensorRT and runs on the same GPU with CUDA."""
    return torch_name(device) if form in (BASELINE, TORCH) else device


def random_weights(preset: str, folder: Path) -> Path:
    """Write a preset's model with random weights, always the same; its speed is that of trained weights."""
    import torch

    from fercli.config.labels import SCHEMAS
    from fercli.config.templates import template
    from fercli.models.btn import BTN

    torch.manual_seed(0)
    labels = SCHEMAS["ferplus"].names
    model = BTN(model_preset(preset), len(labels), training_parts=False)
    torch.nn.init.normal_(model.vit.head.weight)  # the default of zero would give equal logits
    card = WeightsCard(preset, "random", labels, "ferplus", template("arcface"), model_preset(preset))
    path = folder / f"{preset}{TORCH_SUFFIX}"
    save_weights(path, model.state_dict(), card)
    return path


def count_operations(weights: Path) -> float:
    """Count the multiplications and additions per face of convolutions, products and attention, with torch's counter."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from fercli.weights.network import load_btn

    model, card = load_btn(weights)
    side = card.model.input.size
    counter = FlopCounterMode(display=False)
    with torch.device("meta"), counter:
        model.to("meta")(torch.zeros(1, 3, side, side))
    return float(counter.get_total_flops())


def measure_model(name: str, path: str = "", device: str = "cpu", batch: int = 1) -> Any:
    """Measure the milliseconds per face of one format at one batch size, or the device's peak for "peak"."""
    if name == "peak":
        return peak_gflops(device)
    run, running, card = _runner(name, Path(path), device)
    crops = np.random.default_rng(0).integers(
        0, 256, (batch, card.model.input.size, card.model.input.size, 3), np.uint8
    )
    inputs = to_input(crops, card.model.input)
    return {"ms_per_face": 1000 * _seconds(lambda: run(inputs)) / batch, "device": running}


def peak_gflops(device: str = "cpu") -> float:
    """Measure the float32 operations per second of a matrix product, in 10 ** 9, without TF32: the best of several runs.

    Matrices are 1024 x 1024 on the CPU, 8192 x 8192 on a GPU; for tensorrt:N the GPU is measured with CUDA.
    """
    import torch

    from fercli.system.float32 import float32_products

    torch.set_num_threads(cpu_threads())
    target = resolve_device(torch_name(device))
    side = _PEAK_SIDE_GPU if target.type == "cuda" else _PEAK_SIDE
    one = torch.rand(side, side, device=target)

    def work() -> None:
        one @ one
        if target.type == "cuda":  # CUDA only enqueues the product
            torch.cuda.synchronize(target)

    with float32_products(tf32=False):
        work()
        return 2 * side**3 / min(_time(work) for _ in range(_PEAK_TIMES)) / 1e9


def _runner(form: str, path: Path, device: str) -> tuple[Callable[[NDArray[np.float32]], object], str, WeightsCard]:
    """A function of normalised images [B, 3, S, S], the device it runs on and the card."""
    if form not in (BASELINE, TORCH):
        from fercli.system.onnx_session import open_session, run_bound
        from fercli.weights.files import read_card
        from fercli.weights.onnx_interface import INPUT, OUTPUT

        session, running = open_session(path, device)
        return lambda images: run_bound(session, {INPUT: images}, OUTPUT), running, read_card(path)
    import torch

    from fercli.bench.reference import ReferenceBTN
    from fercli.system.float32 import float32_products
    from fercli.weights.network import load_btn

    torch.set_num_threads(cpu_threads())
    target = resolve_device(device)
    model, card = load_btn(path)
    # both rows in torch have the same memory format, cuDNN's fastest kernels, and float32 without TF32, as the ONNX files have
    layout = torch.channels_last if target.type == "cuda" else torch.contiguous_format
    torch.backends.cudnn.benchmark = True
    network = (ReferenceBTN(model) if form == BASELINE else model).eval().to(target).to(memory_format=layout)

    def run(images: NDArray[np.float32]) -> object:
        with torch.inference_mode(), float32_products(tf32=False):
            return network(torch.from_numpy(images).to(target, memory_format=layout)).cpu()

    return run, str(target), card


def _seconds(work: Callable[[], object]) -> float:
    """Median seconds of one call, after two warm-up calls, over about SECONDS."""
    for _ in range(2):
        work()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < SECONDS and len(times) < 200):
        times.append(_time(work))
    return median(times)


def _time(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _reference(
    variant: _Variant, batch: int, variants: Sequence[_Variant], results: Mapping[tuple[int, int], Sequence[_Round]]
) -> float:
    """Milliseconds per face of the reference implementation of a variant's model."""
    index = next(i for i, other in enumerate(variants) if (other.model, other.format) == (variant.model, BASELINE))
    return median(ms for ms, _, _ in results[index, batch])


def _row(variant: _Variant, batch: int, rounds: Sequence[_Round], *, peak: float, reference: float) -> ModelRow:
    times = [ms for ms, _, _ in rounds]
    memory = [mb for _, mb, _ in rounds if mb is not None]
    median_ms = median(times)
    return ModelRow(
        model=variant.model,
        format=variant.format,
        precision=variant.precision,
        device=rounds[0][2],
        batch=batch,
        size_mb=variant.path.stat().st_size / 1e6,
        accuracy=variant.accuracy,
        ms_per_face=median_ms,
        spread_ms=(min(times), max(times)),
        times_reference=reference / median_ms,
        peak_mb=max(memory, default=None),
        share=variant.operations / (median_ms / 1000) / (peak * 1e9),
    )


if __name__ == "__main__":
    write_measurement(measure_model)
