"""One training step of this product beside a straightforward one: seconds, memory, and that both find the same gradient.

The straightforward step does what the method says and nothing else: two full passes for SAM, each with the landmark branch and
its head, whose points nobody uses; attention as softmax(q k + bias) v, written out; pictures in torch's default memory order.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import torch
from torch import Tensor, nn

from fercli.bench.isolated import answer, run_isolated
from fercli.config.presets import model_preset, recipe
from fercli.config.settings import override
from fercli.config.training import TrainConfig
from fercli.models.btn import BTN
from fercli.models.cross_attention import CrossAttention
from fercli.models.mobilefacenet import LandmarkNet, Taps
from fercli.models.vit import SelfAttention
from fercli.progress import Progress, silent
from fercli.system.devices import cpu_threads, resolve_device
from fercli.train.loop import make_optimizer, memory_format
from fercli.train.losses import btn_loss
from fercli.train.optimisation_step import TrainStep

OURS, STRAIGHT = "fer", "straightforward"
CLASSES = 7

# Letters: B images, T tokens, H heads, D channels of a head.


@dataclass(frozen=True)
class Step:
    """One way to make a step. seconds: median, least and most of the rounds; cpu_s: processor time of the median round.

    cosine: of its gradient with the straightforward one's, 1 where they point the same way. peak_mb: most memory its process held.
    """

    name: str
    seconds: tuple[float, float, float]
    cpu_s: float
    peak_mb: float | None
    cosine: float
    loss: float


@dataclass(frozen=True)
class TrainBench:
    """All ways on the same batch; the first is the straightforward one, the second this product's."""

    model: str
    batch: int
    device: str
    threads: int
    steps: tuple[Step, ...]

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
    """Measure a step of both ways, and of this product's with each of `tries` (settings of the recipe, name=value).

    The sides take turns, each time in a fresh process, with the same random weights and pictures.
    Raises: UsageError for a model, a recipe or a setting that is not there.
    """
    model_preset(model)
    for setting in tries:
        override(recipe(recipe_name), [setting])
    sides = [(STRAIGHT, []), (OURS, []), *((f"fer, {setting}", [setting]) for setting in tries)]
    found: dict[str, list[Any]] = {name: [] for name, _ in sides}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds * len(sides)):
            name, settings = sides[turn % len(sides)]
            progress(turn, rounds * len(sides), name)
            gradient = Path(folder) / f"{turn % len(sides)}.pt"
            task = {
                "side": name,
                "model": model,
                "recipe_name": recipe_name,
                "settings": settings,
                "batch": batch,
                "device": device,
                "gradient": str(gradient),
            }
            found[name].append(run_isolated("fercli.bench.train", task))
        gradients = [torch.load(Path(folder) / f"{place}.pt") for place in range(len(sides))]
    steps = tuple(
        _step(name, answers, cosine(gradients[0], gradient))
        for (name, answers), gradient in zip(found.items(), gradients, strict=True)
    )
    return TrainBench(model, batch, str(resolve_device(device)), cpu_threads(), steps)


def measure(
    *, side: str, model: str, recipe_name: str, settings: Sequence[str], batch: int, device: str, gradient: str
) -> dict[str, Any]:
    """The time of the second of two steps, and the gradient that moved the weights in the first, in the file `gradient`."""
    torch.set_num_threads(cpu_threads())
    where = resolve_device(device)
    config = override(recipe(recipe_name), list(settings))
    torch.manual_seed(0)
    network = BTN(model_preset(model), CLASSES)
    side_px = network.config.input.size
    images = torch.randn(batch, 3, side_px, side_px, generator=torch.Generator().manual_seed(1)).to(where)
    targets = torch.arange(batch, device=where) % CLASSES
    if side == STRAIGHT:
        step: Any = StraightStep(network.to(where), config)
    else:
        step = TrainStep(network.to(where).to(memory_format=memory_format(config)), config)
        images = images.contiguous(memory_format=memory_format(config))
    torch.manual_seed(2)  # the same drop path on both sides
    loss = float(step(images, targets).loss)
    found = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    torch.save(torch.cat([found[name].float().flatten().cpu() for name in sorted(found)]), gradient)
    _wait(where)
    started, cpu_started = perf_counter(), process_time()
    step(images, targets)
    _wait(where)
    return {"seconds": perf_counter() - started, "cpu_s": process_time() - cpu_started, "loss": loss}


@dataclass
class _Loss:
    loss: float


def cosine(one: Tensor, other: Tensor) -> float:
    """Cosine of two gradients, summed in float64: tens of millions of float32 terms lose the third digit."""
    one, other = one.double(), other.double()
    return float(one @ other / (one.norm() * other.norm()))


class StraightStep:
    """The straightforward step, on a BTN whose attention it replaces by attention written out."""

    def __init__(self, model: BTN, config: TrainConfig) -> None:
        self.model, self.config = model, config
        self.optimizer = make_optimizer(model, config)
        where = next(model.parameters()).device
        landmark = model.config.landmark
        size = model.config.landmark_size
        self.landmarks = LandmarkNet(landmark.width, landmark.activation, size=size).requires_grad_(False).to(where)
        self.landmarks.trunk = model.landmark_backbone
        for module in list(model.modules()):
            for child_name, child in list(module.named_children()):
                if isinstance(child, CrossAttention):
                    setattr(module, child_name, _WrittenOutCross(child))
                elif isinstance(child, SelfAttention):
                    setattr(module, child_name, _WrittenOutSelf(child))

    def __call__(self, images: Tensor, targets: Tensor) -> _Loss:
        self.model.train()
        self.landmarks.eval()
        loss = self._gradient(images, targets)
        weights = [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.sqrt(sum(((p.grad**2).sum() for p in weights if p.grad is not None), torch.zeros(())))
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
        """The landmark branch's maps, and its points as well, as the baseline's code computes them."""
        taps = self.model.landmark_taps(images)
        head = self.landmarks
        head.norm(head.points(torch.flatten(head.pool(taps.high), 1)))
        return taps


class _WrittenOutCross(nn.Module):
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


class _WrittenOutSelf(nn.Module):
    """SelfAttention as its formula: softmax(q k / sqrt(D)) v."""

    def __init__(self, own: SelfAttention) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = own.heads, own.qkv, own.proj

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)  # [B, H, T, D]
        scores = (q @ k.transpose(-2, -1)) * q.shape[-1] ** -0.5
        return self.proj((scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _step(name: str, answers: Sequence[Any], cosine: float) -> Step:
    seconds = [found.value["seconds"] for found in answers]
    peaks = [found.peak_mb for found in answers]
    return Step(
        name=name,
        seconds=(median(seconds), min(seconds), max(seconds)),
        cpu_s=median(found.value["cpu_s"] for found in answers),
        peak_mb=None if None in peaks else max(peaks),
        cosine=cosine,
        loss=answers[0].value["loss"],
    )


if __name__ == "__main__":
    answer(measure)
