"""Models in; a table of how fast, how large and how exact each is as torch, ONNX and in lower precision out."""

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

from fercli.bench.isolated import answer, run_isolated
from fercli.config.presets import MODELS, model_preset
from fercli.errors import UsageError
from fercli.evaluate.evaluate import EvaluateOptions, evaluate
from fercli.export.export import export
from fercli.export.precision import Precision
from fercli.progress import Progress, silent
from fercli.system.devices import cpu_threads, resolve_device, torch_name
from fercli.weights.card import WeightsCard
from fercli.weights.files import TORCH_SUFFIX, find_weights, load_weights, save_weights
from fercli.weights.preprocess import to_input

REFERENCE, TORCH = "straightforward torch", "torch"
_SECONDS = 1.5  # that a batch size is measured for in each round
_PEAK_SIDE, _PEAK_SIDE_GPU, _PEAK_TIMES = 1024, 8192, 6  # a GPU's cores are all busy with larger matrices only

_Round = tuple[float, float | None, str]  # milliseconds a face, peak memory, device


@dataclass(frozen=True)
class Row:
    """One way of running one model at one batch size: medians of the rounds.

    size_mb: of the file. accuracy: share of a data set's images, None where none was given or the weights are random.
    spread_ms: least and most of the rounds. times_reference: speed over that of the written-out torch implementation.
    peak_mb: most memory of the process. share: of the device's measured peak; float16 and int8 may exceed it.
    """

    model: str
    format: str
    precision: str
    device: str
    batch: int
    size_mb: float
    accuracy: float | None
    ms_a_face: float
    spread_ms: tuple[float, float]
    times_reference: float
    peak_mb: float | None
    share: float

    @property
    def faces_per_s(self) -> float:
        return 1000 / self.ms_a_face


@dataclass(frozen=True)
class ModelsBench:
    """Every row with what the device can do: float32 operations a second of a matrix product, in 10 ** 9."""

    threads: int
    peak_gflops: float
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class _Side:
    """A file and how it is run. operations: multiplications and additions of one face, both counted."""

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
    """Measure models, named presets with random weights or weights with a card, each way in a fresh process, in turns.

    faces: crops that int8 is calibrated on and every file is proven on; needed for int8. data: a data set whose test
    split gives accuracy; presets have none. precisions: of the ONNX files, None is `usual_precisions`. device: with
    tensorrt torch runs on the same GPU by CUDA. Raises: UsageError, WeightsError, DataError, DeviceError, RefusedError.
    """
    if precisions is None:
        precisions = usual_precisions(device, faces=faces)
    known = [kind for kind in get_args(Precision) if kind in precisions]
    if len(known) != len(precisions):
        raise UsageError(
            f"unknown precision among {', '.join(precisions)}", fix=f"precisions: {', '.join(get_args(Precision))}"
        )
    if "int8" in precisions and faces is None:
        raise UsageError("int8 takes the ranges of its numbers from real face crops", fix="--faces DIR")
    with tempfile.TemporaryDirectory() as folder:
        sides: list[_Side] = []
        for place, model in enumerate(models):
            progress(place, len(models), f"exporting {model}")
            sides += _sides(model, Path(folder), faces=faces, data=data, precisions=known, device=device)
        found: dict[tuple[int, int], list[_Round]] = {}
        peaks, done = [], 0
        total = rounds * len(sides) * len(batches)
        for _ in range(rounds):
            peaks.append(run_isolated("fercli.bench.models", {"side": "peak", "device": device}).value)
            for place, side in enumerate(sides):
                for batch in batches:
                    progress(done, total, f"{side.model} {side.format} {side.precision}, batch {batch}")
                    done += 1
                    running = _device_of(side.format, device)
                    task = {"side": side.format, "path": str(side.path), "device": running, "batch": batch}
                    told = run_isolated("fercli.bench.models", task)
                    found.setdefault((place, batch), []).append(
                        (told.value["ms_a_face"], told.peak_mb, told.value["device"])
                    )
        peak = max(peaks)
        return ModelsBench(
            threads=cpu_threads(),
            peak_gflops=peak,
            rows=tuple(
                _row(sides[place], batch, rounds, peak=peak, reference=_reference(sides[place], batch, sides, found))
                for (place, batch), rounds in found.items()
            ),
        )


def usual_precisions(device: str, *, faces: Path | None) -> tuple[Precision, ...]:
    """Those worth a row: fp16 on a GPU, which has it in hardware; on the CPU int8, where there are faces to calibrate on."""
    if device.startswith(("cuda", "tensorrt")):
        return ("fp32", "fp16")
    return ("fp32",) if faces is None else ("fp32", "int8")


def _sides(
    model: str,
    folder: Path,
    *,
    faces: Path | None,
    data: str | None,
    precisions: Sequence[Precision],
    device: str,
) -> list[_Side]:
    """Every way of running one model: torch, written out, and ONNX in each precision."""
    weights = random_weights(model, folder) if model in MODELS else find_weights(model, (TORCH_SUFFIX,))
    measured = None if model in MODELS else data
    operations = count_operations(weights)

    def side(form: str, precision: str, path: Path) -> _Side:
        accuracy = None
        if measured is not None and form != REFERENCE:
            accuracy = evaluate(path, measured, EvaluateOptions(device=_device_of(form, device))).score.accuracy
        return _Side(model, form, precision, path, operations, accuracy)

    sides = [side(REFERENCE, "fp32", weights), side(TORCH, "fp32", weights)]
    for precision in precisions:
        out = folder / f"{Path(model).stem}-{precision}.onnx"
        export(weights, out, faces=faces, precision=precision)
        sides.append(side("ONNX Runtime", precision, out))
    return sides


def _device_of(form: str, device: str) -> str:
    """Where a side runs: torch knows no TensorRT, so its sides run on the same GPU by CUDA."""
    return torch_name(device) if form in (REFERENCE, TORCH) else device


def random_weights(preset: str, folder: Path) -> Path:
    """A file of a preset's model with random weights, always the same: its speed is that of trained ones."""
    import torch

    from fercli.config.labels import SCHEMAS
    from fercli.config.templates import template
    from fercli.models.btn import BTN

    torch.manual_seed(0)
    labels = SCHEMAS["ferplus"].names
    model = BTN(model_preset(preset), len(labels), training_parts=False)
    torch.nn.init.normal_(model.vit.head.weight)  # answers that are apart
    card = WeightsCard(preset, "random", labels, "ferplus", template("arcface"), model_preset(preset))
    path = folder / f"{preset}{TORCH_SUFFIX}"
    save_weights(path, model.state_dict(), card)
    return path


def count_operations(weights: Path) -> float:
    """Multiplications and additions of one face, as torch counts convolutions, products and attention."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model, card = _model(weights)
    side = card.model.input.size
    counter = FlopCounterMode(display=False)
    with torch.device("meta"), counter:
        model.to("meta")(torch.zeros(1, 3, side, side))
    return float(counter.get_total_flops())


def measure(side: str, path: str = "", device: str = "cpu", batch: int = 1) -> Any:
    """In a process of its own: milliseconds a face of one side at one batch size, or the device's peak."""
    if side == "peak":
        return peak_gflops(device)
    run, running, card = _runner(side, Path(path), device)
    crops = np.random.default_rng(0).integers(
        0, 256, (batch, card.model.input.size, card.model.input.size, 3), np.uint8
    )
    inputs = to_input(crops, card.model.input)
    return {"ms_a_face": 1000 * _seconds(lambda: run(inputs)) / batch, "device": running}


def peak_gflops(device: str = "cpu") -> float:
    """Float32 operations a second of a matrix product on a device, in 10 ** 9, no TF32: the best of several.

    Matrices are 1024 x 1024 on the CPU, 8192 x 8192 on a GPU; with tensorrt:N the GPU is measured by CUDA.
    """
    import torch

    torch.set_num_threads(cpu_threads())
    torch.set_float32_matmul_precision("highest")
    target = resolve_device(torch_name(device))
    side = _PEAK_SIDE_GPU if target.type == "cuda" else _PEAK_SIDE
    one = torch.rand(side, side, device=target)

    def work() -> None:
        one @ one
        if target.type == "cuda":  # which only queues the product
            torch.cuda.synchronize(target)

    work()
    return 2 * side**3 / min(_time(work) for _ in range(_PEAK_TIMES)) / 1e9


def _runner(side: str, path: Path, device: str) -> tuple[Callable[[NDArray[np.float32]], object], str, WeightsCard]:
    """A function of normalised images [B, 3, S, S], the device it runs on and the card."""
    if side not in (REFERENCE, TORCH):
        from fercli.system.onnx_session import open_session, run_bound
        from fercli.weights.files import read_card
        from fercli.weights.onnx_interface import INPUT, OUTPUT

        session, running = open_session(path, device)
        return lambda images: run_bound(session, {INPUT: images}, OUTPUT), running, read_card(path)
    import torch

    from fercli.bench.reference import StraightforwardBTN

    torch.set_num_threads(cpu_threads())
    target = resolve_device(device)
    model, card = _model(path)
    network = (StraightforwardBTN(model) if side == REFERENCE else model).eval().to(target)

    def run(images: NDArray[np.float32]) -> object:
        with torch.inference_mode():
            return network(torch.from_numpy(images).to(target)).cpu()

    return run, str(target), card


def _model(weights: Path) -> tuple[Any, WeightsCard]:
    from fercli.models.btn import BTN

    state, card = load_weights(weights)
    model = BTN(card.model, len(card.labels), training_parts=False)
    model.load_state_dict(state)
    return model.eval(), card


def _seconds(work: Callable[[], object]) -> float:
    """Median seconds of one call, after two that do not count, for about _SECONDS."""
    for _ in range(2):
        work()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < _SECONDS and len(times) < 200):
        times.append(_time(work))
    return median(times)


def _time(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _reference(
    side: _Side, batch: int, sides: Sequence[_Side], found: Mapping[tuple[int, int], Sequence[_Round]]
) -> float:
    """Milliseconds a face of the written-out implementation of a side's model."""
    place = next(place for place, other in enumerate(sides) if (other.model, other.format) == (side.model, REFERENCE))
    return median(ms for ms, _, _ in found[place, batch])


def _row(side: _Side, batch: int, rounds: Sequence[_Round], *, peak: float, reference: float) -> Row:
    times = [ms for ms, _, _ in rounds]
    memory = [mb for _, mb, _ in rounds if mb is not None]
    middle = median(times)
    return Row(
        model=side.model,
        format=side.format,
        precision=side.precision,
        device=rounds[0][2],
        batch=batch,
        size_mb=side.path.stat().st_size / 1e6,
        accuracy=side.accuracy,
        ms_a_face=middle,
        spread_ms=(min(times), max(times)),
        times_reference=reference / middle,
        peak_mb=max(memory, default=None),
        share=side.operations / (middle / 1000) / (peak * 1e9),
    )


if __name__ == "__main__":
    answer(measure)
