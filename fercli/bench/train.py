"""Compare a training step with a reference step: time, memory, and that both compute the same gradient.

The reference step follows the method literally: two full passes for SAM, each with the landmark branch and its unused head;
explicit attention, softmax(q k + bias) v; images in torch's default memory format.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import torch
from torch import Tensor, nn

from fercli.bench.isolated import Measurement, run_isolated, write_measurement
from fercli.config.presets import model_preset, recipe
from fercli.config.settings import override
from fercli.config.training import TrainConfig
from fercli.models.btn import BTN
from fercli.models.cross_attention import CrossAttention
from fercli.models.mobilefacenet import LandmarkNet, Taps
from fercli.models.vit import SelfAttention
from fercli.progress import Progress, silent
from fercli.system.devices import cpu_threads, resolve_device
from fercli.train.determinism import gpu_switches
from fercli.train.inputs import memory_format
from fercli.train.losses import btn_loss
from fercli.train.optimisation_step import OptimisationStep
from fercli.train.optimizers import make_optimizer

PACKAGE, REFERENCE = "fer", "reference"
CLASSES = 7
_GPU_WARM_UP, _GPU_STEPS = 3, 10

# Letters: B images, T tokens, H heads, D channels of a head.


@dataclass(frozen=True)
class StepRun:
    """One implementation of the step. seconds: median, minimum and maximum of the rounds; cpu_s: CPU time, median.

    cosine: cosine similarity of its gradient with the reference's. peak_mb: peak memory of the GPU, or of its process on a CPU.
    """

    name: str
    seconds: tuple[float, float, float]
    cpu_s: float
    peak_mb: float | None
    cosine: float
    loss: float


@dataclass(frozen=True)
class TrainBench:
    """All implementations on the same batch; the first is the reference, the second this package's."""

    model: str
    batch: int
    device: str
    threads: int
    steps: tuple[StepRun, ...]

    @property
    def speed_ratio(self) -> float:
        return self.steps[0].seconds[0] / self.steps[1].seconds[0]


def bench_train(
    *,
    model: str = "btn-base",
    recipe_name: str = "rafdb",
    batch: int = 16,
    rounds: int = 3,
    tries: Sequence[str] = (),
    device: str = "auto",
    progress: Progress = silent,
) -> TrainBench:
    """Measure the reference step, this package's, and this package's with each of `tries` (settings name=value).

    They take turns, each time in a fresh process, with the same random weights and images.
    Raises: UsageError for an unknown model, recipe or setting.
    """
    model_preset(model)
    for setting in tries:
        override(recipe(recipe_name), [setting])
    variants = [(REFERENCE, []), (PACKAGE, []), *((f"fer, {setting}", [setting]) for setting in tries)]
    measurements: dict[str, list[Measurement]] = {name: [] for name, _ in variants}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds * len(variants)):
            name, settings = variants[turn % len(variants)]
            progress(turn, rounds * len(variants), name)
            gradient = Path(folder) / f"{turn % len(variants)}.pt"
            task = {
                "name": name,
                "model": model,
                "recipe_name": recipe_name,
                "settings": settings,
                "batch": batch,
                "device": device,
                "gradient": str(gradient),
            }
            measurements[name].append(run_isolated("fercli.bench.train", task))
        gradients = [torch.load(Path(folder) / f"{index}.pt", weights_only=True) for index in range(len(variants))]
    steps = tuple(
        _step(name, results, cosine(gradients[0], gradient))
        for (name, results), gradient in zip(measurements.items(), gradients, strict=True)
    )
    return TrainBench(model, batch, str(resolve_device(device)), cpu_threads(), steps)


def measure_step(
    *, name: str, model: str, recipe_name: str, settings: Sequence[str], batch: int, device: str, gradient: str
) -> dict[str, Any]:
    """Time a step, and write the gradient of the first step to the file `gradient`.

    On a CPU the second step is timed; on a GPU the median of ten after three for warm-up, in which cuDNN chooses its
    kernels, with the device's peak memory.
    """
    torch.set_num_threads(cpu_threads())
    target = resolve_device(device)
    config = override(recipe(recipe_name), list(settings))
    torch.manual_seed(0)
    network = BTN(model_preset(model), CLASSES)
    side_px = network.config.input.size
    images = torch.randn(batch, 3, side_px, side_px, generator=torch.Generator().manual_seed(1)).to(target)
    targets = torch.arange(batch, device=target) % CLASSES
    with gpu_switches(target, deterministic=config.deterministic, tf32=config.tf32):
        if name == REFERENCE:
            step: Any = ReferenceStep(network.to(target), config)
        else:
            step = OptimisationStep(network.to(target).to(memory_format=memory_format(config)), config)
            images = images.contiguous(memory_format=memory_format(config))
        torch.manual_seed(2)  # the same drop path in all variants
        loss = float(step(images, targets).loss)
        gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
        torch.save(torch.cat([gradients[name].float().flatten().cpu() for name in sorted(gradients)]), gradient)
        warm_up, times = (_GPU_WARM_UP, _GPU_STEPS) if target.type == "cuda" else (0, 1)
        for _ in range(warm_up):
            step(images, targets)
        timed = [_timed(lambda: step(images, targets), target) for _ in range(times)]
    seconds, cpu_s = (median(values) for values in zip(*timed, strict=True))
    device_mb = torch.cuda.max_memory_allocated(target) / 2**20 if target.type == "cuda" else None
    return {"seconds": seconds, "cpu_s": cpu_s, "loss": loss, "device_mb": device_mb}


def _timed(work: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Seconds and CPU seconds of a call."""
    _synchronize(device)
    started, cpu_started = perf_counter(), process_time()
    work()
    _synchronize(device)
    return perf_counter() - started, process_time() - cpu_started


@dataclass
class _Loss:
    loss: float


def cosine(one: Tensor, other: Tensor) -> float:
    """Return the cosine similarity of two gradients, summed in float64: tens of millions of float32 terms lose the third digit."""
    one, other = one.double(), other.double()
    return float(one @ other / (one.norm() * other.norm()))


class ReferenceStep:
    """The reference step, on a BTN whose attention modules it replaces by explicit attention."""

    def __init__(self, model: BTN, config: TrainConfig) -> None:
        self.model, self.config = model, config
        self.optimizer = make_optimizer(model, config)
        device = next(model.parameters()).device
        landmark = model.config.landmark
        size = model.config.landmark_size
        self.landmarks = LandmarkNet(landmark.width, landmark.activation, size=size).requires_grad_(False).to(device)
        self.landmarks.trunk = model.landmark_backbone
        for module in list(model.modules()):
            for child_name, child in list(module.named_children()):
                if isinstance(child, CrossAttention):
                    setattr(module, child_name, _ExplicitCrossAttention(child))
                elif isinstance(child, SelfAttention):
                    setattr(module, child_name, _ExplicitSelfAttention(child))

    def __call__(self, images: Tensor, targets: Tensor) -> _Loss:
        self.model.train()
        self.landmarks.eval()
        loss = self._gradient(images, targets)
        weights = [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.sqrt(
            sum(((p.grad**2).sum() for p in weights if p.grad is not None), torch.zeros((), device=images.device))
        )
        before = [p.detach().clone() for p in weights]
        with torch.no_grad():
            for p in weights:
                if p.grad is not None:
                    p.add_(self.config.sam.rho * p.grad / (norm + 1e-12))
        self._gradient(images, targets)
        with torch.no_grad():
            for p, old in zip(weights, before, strict=True):
                p.copy_(old)
        self.optimizer.step()
        return _Loss(loss)

    def _gradient(self, images: Tensor, targets: Tensor) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        loss, _ = btn_loss(self.model.forward_batch(images, self._taps(images)), targets, self.config.loss)
        loss.backward()
        return float(loss.detach())

    @torch.no_grad()
    def _taps(self, images: Tensor) -> Taps:
        """Maps of the landmark branch; its landmarks are computed as well, as in the baseline's code."""
        taps = self.model.landmark_taps(images)
        head = self.landmarks
        head.norm(head.points(torch.flatten(head.pool(taps.high), 1)))
        return taps


class _ExplicitCrossAttention(nn.Module):
    """CrossAttention as its formula: softmax(q k / sqrt(D) + bias) v."""

    def __init__(self, own: CrossAttention) -> None:
        super().__init__()
        self.heads, self.kv, self.proj = own.heads, own.kv, own.proj
        self.bias_table, self.relative_position = own.bias_table, own.relative_position

    def forward(self, query: Tensor, key_value: Tensor) -> Tensor:
        q = query.unflatten(2, (self.heads, -1)).transpose(1, 2)  # [B, H, T, D]
        k, v = self.kv(key_value).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)  # [B, H, T, D]
        bias = self.bias_table[self.relative_position].permute(2, 0, 1)  # [H, T, T]
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1) + bias.unsqueeze(0)
        return self.proj((scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2))


class _ExplicitSelfAttention(nn.Module):
    """SelfAttention as its formula: softmax(q k / sqrt(D)) v."""

    def __init__(self, own: SelfAttention) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = own.heads, own.qkv, own.proj

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)  # [B, H, T, D]
        scores = (q @ k.transpose(-2, -1)) * q.shape[-1] ** -0.5
        return self.proj((scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2))


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _step(name: str, measurements: Sequence[Measurement], cosine: float) -> StepRun:
    seconds = [measurement.value["seconds"] for measurement in measurements]
    peaks = [measurement.value["device_mb"] or measurement.peak_mb for measurement in measurements]
    known = [peak for peak in peaks if peak is not None]
    return StepRun(
        name=name,
        seconds=(median(seconds), min(seconds), max(seconds)),
        cpu_s=median(measurement.value["cpu_s"] for measurement in measurements),
        peak_mb=max(known, default=None),
        cosine=cosine,
        loss=measurements[0].value["loss"],
    )


if __name__ == "__main__":
    write_measurement(measure_step)
