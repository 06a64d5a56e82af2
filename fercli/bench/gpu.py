"""`fer bench gpu`: check a GPU in about ten minutes, with one result per step; runs on the CPU with small sizes.

A step that fails is a result too: it is recorded, and the others run.
"""

from __future__ import annotations

import itertools
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fercli.bench.isolated import run_isolated
from fercli.config.presets import model_preset, recipe
from fercli.config.settings import override
from fercli.formatting import pluralize
from fercli.models.btn import BTN
from fercli.models.cross_attention import CrossAttention
from fercli.progress import Progress, silent
from fercli.system.devices import cpu_threads, onnx_runtime, resolve_device, torch_name
from fercli.system.environment import environment
from fercli.system.float32 import float32_products
from fercli.system.onnx_session import open_session
from fercli.system.shipped import detector_file
from fercli.train.determinism import gpu_switches
from fercli.train.inputs import memory_format
from fercli.train.optimisation_step import OptimisationStep
from fercli.weights.classifier import load_classifier

CLASSES = 7
_ALONE_BATCHES = (2, 7, 64)


@dataclass(frozen=True)
class Sizes:
    """How much is measured. batches: of the SAM step of `model`. images: classified alone and in batches. times: of a call."""

    model: str = "btn-base"
    batches: tuple[int, ...] = (16, 64, 144)
    precisions: tuple[str, ...] = ("off", "bf16", "fp16")
    images: int = 64
    faces: tuple[int, ...] = (1, 8, 32)
    times: int = 10


SMALL = Sizes("btn-tiny", (2,), ("off", "bf16"), 4, (1, 2), 1)  # for a CPU


def check_gpu(
    device: str = "cuda",
    *,
    videos: Sequence[Path] = (),
    sizes: Sizes | None = None,
    budget_s: float = 600.0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run every step on the device, and return its result or its error by the step's name.

    sizes: default: the full ones on a GPU, `SMALL` on a CPU. budget_s: steps that would start later are skipped.
    Raises: DeviceError if there is no such device.
    """
    target = resolve_device(torch_name(device))
    sizes = sizes or (Sizes() if target.type == "cuda" else SMALL)
    steps: dict[str, Callable[[], Any]] = {
        "environment": lambda: _environment(target),
        "attention kernels": lambda: _attention_kernels(target),
        "batch invariance": lambda: _batch_invariance(target, sizes),
        "input shapes": lambda: _input_shapes(device, sizes),
    }
    for precision in sizes.precisions:
        for batch in sizes.batches:
            steps[f"SAM step, {precision}, batch {batch}"] = partial(_sam_step, target, sizes, precision, batch)
    for video in videos:
        for running in dict.fromkeys((device, "cpu")):
            steps[f"{video.name}, {running}"] = partial(_predict, video, running)
    results: dict[str, Any] = {}
    started = time.monotonic()
    for number, (name, step) in enumerate(steps.items()):
        progress(number, len(steps), name)
        if time.monotonic() - started > budget_s:
            results[name] = {"skipped": f"the budget of {budget_s:g} s is used"}
            continue
        results[name] = _guarded(step)
        if target.type == "cuda":
            torch.cuda.empty_cache()
    return results


def _guarded(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except Exception as error:  # noqa: BLE001 (whatever fails is what this command is run to find out)
        last_calls = traceback.format_exception(error)[-4:]
        return {"error": f"{type(error).__name__}: {error}", "traceback": "".join(last_calls)[-2000:]}


def _environment(target: torch.device) -> dict[str, Any]:
    runtime = onnx_runtime()
    return {
        **environment(target),
        "cudnn": torch.backends.cudnn.version(),
        "memory_gb": torch.cuda.get_device_properties(target).total_memory / 1e9 if target.type == "cuda" else None,
        "providers": runtime.get_available_providers(),
    }


def _attention_kernels(target: torch.device) -> dict[str, Any]:
    """Which kernel cross-attention takes, forward and backward, with one and two heads in float32 and bfloat16."""
    found: dict[str, Any] = {}
    for heads, channels, side in ((1, 16, 12), (2, 64, 28)):
        for dtype in (torch.float32, torch.bfloat16):
            attention = CrossAttention(channels, heads, side).to(target)
            images = torch.randn(4, side * side, channels, device=target)
            found[f"{pluralize(heads, 'head')}, {dtype}"] = _guarded(partial(_kernels_of, attention, images, dtype))
    return found


def _kernels_of(attention: CrossAttention, images: Tensor, dtype: torch.dtype) -> list[str]:
    with (
        torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile,
        torch.autocast(images.device.type, dtype=dtype, enabled=dtype != torch.float32),
    ):
        attention(images, images).float().sum().backward()
    return sorted({event.key for event in profile.key_averages() if "scaled_dot_product" in event.key})


def _sam_step(target: torch.device, sizes: Sizes, precision: str, batch: int) -> dict[str, float | None]:
    """Milliseconds, images per second and peak memory of a training step with SAM."""
    config = override(recipe("rafdb"), [f"amp={precision}"])
    torch.manual_seed(0)
    layout = memory_format(config)
    network = BTN(model_preset(sizes.model), CLASSES).to(target).to(memory_format=layout)
    side = network.config.input.size
    images = torch.randn(batch, 3, side, side, device=target).contiguous(memory_format=layout)
    targets = torch.arange(batch, device=target) % CLASSES
    with gpu_switches(target, deterministic=config.deterministic, tf32=config.tf32):
        step = OptimisationStep(network, config)
        if target.type == "cuda":
            torch.cuda.reset_peak_memory_stats(target)
        ms = _milliseconds(lambda: step(images, targets), target, sizes.times)
    peak = torch.cuda.max_memory_allocated(target) / 2**20 if target.type == "cuda" else None
    return {"ms": ms, "images_per_s": 1000 * batch / ms, "peak_mb": peak}


def _batch_invariance(target: torch.device, sizes: Sizes) -> dict[str, Any]:
    """The largest difference of a logit between an image alone and in batches, with and without TF32."""
    torch.manual_seed(0)
    network = BTN(model_preset(sizes.model), CLASSES, training_parts=False).to(target).eval()
    torch.nn.init.normal_(network.vit.head.weight)  # the default of zero would give equal logits
    side = network.config.input.size
    images = torch.randn(sizes.images, 3, side, side, device=target)
    differences: dict[str, Any] = {}
    for tf32 in (True, False):
        with torch.inference_mode(), float32_products(tf32=tf32):
            alone = torch.cat([network(image[None]) for image in images])
            differences[f"tf32 {'on' if tf32 else 'off'}"] = {
                str(size): float((torch.cat([network(part) for part in images.split(size)]) - alone).abs().max())
                for size in _ALONE_BATCHES
            }
        differences["spread of the logits"] = float(alone.std())
    return differences


def _input_shapes(device: str, sizes: Sizes) -> dict[str, Any]:
    """Milliseconds of the detector and the classifier with one input shape and with another one in every call."""
    session, running = open_session(detector_file("yunet.onnx"), device.replace("tensorrt", "cuda"), threads=1)
    random = np.random.default_rng(0)
    canvases = [random.random((1, 3, 320, 320 + 32 * extra), np.float32) for extra in range(4)]
    classifier = load_classifier(device=device)
    side = classifier.card.model.input.size
    crops = [random.integers(0, 256, (count, side, side, 3), np.uint8) for count in sizes.faces]
    inputs: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
        f"detector on {running}": (lambda images: session.run(None, {"images": images}), canvases),
        f"classifier on {classifier.device}": (classifier.classify, crops),
    }
    found: dict[str, Any] = {}
    for name, (run, arrays) in inputs.items():
        for array in arrays:
            run(array)
        turns = itertools.cycle(arrays)
        found[name] = {
            "one shape": [_milliseconds(partial(run, array), None, sizes.times) for array in arrays],
            "changing shapes": _milliseconds(partial(_run_next, run, turns), None, 2 * sizes.times),
        }
    return found


def _run_next(run: Callable[[Any], object], arrays: Iterator[Any]) -> object:
    return run(next(arrays))


def _predict(video: Path, device: str) -> dict[str, Any]:
    """Frames per second, peak memory and milliseconds per frame by stage of `fer predict` on a video."""
    task = {"name": video.name, "video": str(video), "weights": None, "min_face_px": None, "device": device}
    measured = run_isolated("fercli.bench.video", task)
    value, frames = measured.value, measured.value["frames"]
    return {
        "device": value["device"],
        "threads": cpu_threads(),
        "frames": frames,
        "frames_per_s": frames / value["seconds"],
        "processor_ms": 1000 * value["processor_s"] / frames,
        "peak_mb": measured.peak_mb,
        "stages_ms": {name: 1000 * seconds / frames for name, seconds in value["stages_s"].items()},
    }


def _milliseconds(work: Callable[[], object], target: torch.device | None, times: int) -> float:
    """Median milliseconds of a call, after as many calls for warm-up, three at most."""

    def timed() -> float:
        started = time.perf_counter()
        work()
        if target is not None and target.type == "cuda":
            torch.cuda.synchronize(target)
        return time.perf_counter() - started

    for _ in range(min(times, 3)):
        timed()
    return 1000 * median(timed() for _ in range(times))
