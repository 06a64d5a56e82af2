"""One optimisation step of a BTN: a batch of images and targets in, moved weights and losses out.

The same step serves one process and several (DistributedDataParallel), whole batches and parts of them (accumulation), float32
and half precision, and torch's compiler.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from fercli.config.training import LossConfig, TrainConfig
from fercli.models.btn import BTN
from fercli.models.mobilefacenet import Taps
from fercli.train.distributed import World, parts, synchronise_batch_norm
from fercli.train.loop import make_optimizer
from fercli.train.losses import btn_loss
from fercli.train.sam import SAM

# Letters: B images of this process, N classes, S side.


class NotFiniteError(ArithmeticError):
    """Training came upon a number that is none; says which."""


@dataclass(frozen=True)
class StepReport:
    """What one step saw in all processes, before the weights moved: mean loss and its terms, correct answers of P_VIT, images.

    Where SAM reports both passes, all are their mean.
    """

    loss: float
    terms: dict[str, float]
    correct: float
    images: int


class Criterion(nn.Module):
    """The network with its loss as one module, so that DistributedDataParallel and the compiler see the whole pass.

    forward: images [B, 3, S, S] with targets, of a batch that has `sizes` images in each process -> the batch's mean loss as far as
    these images make it (the processes' losses add up to it), its terms, and P_VIT [B, N].
    """

    def __init__(
        self, model: BTN, config: LossConfig, world: World, class_weights: Tensor | None, log_prior: Tensor | None
    ) -> None:
        super().__init__()
        self.model, self.config, self.world = model, config, world
        self.gather_rows: Callable[[Tensor, Sequence[int]], Tensor] = world.gather
        self.class_weights, self.log_prior = class_weights, log_prior

    def forward(
        self, images: Tensor, targets: Tensor, taps: Taps | None, sizes: Sequence[int], count: int
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        def gather(rows: Tensor) -> Tensor:
            return self.gather_rows(rows, sizes)

        start = sum(sizes[: self.world.rank])
        output = self.model.forward_batch(images, taps, gather if self.world.size > 1 else None, start)
        with torch.autocast(images.device.type, enabled=False):
            loss, terms = btn_loss(
                output,
                targets,
                self.config,
                class_weights=self.class_weights,
                log_prior=self.log_prior,
                count=count,
            )
        return loss, terms, output.p_vit


class TrainStep:
    """Moves a model's weights, batch by batch: two gradients with SAM, one where its rho is 0.

    The model lies on its device already. Its frozen landmark features are computed once for both passes.
    """

    def __init__(
        self,
        model: BTN,
        config: TrainConfig,
        *,
        world: World | None = None,
        class_weights: Tensor | None = None,
        log_prior: Tensor | None = None,
    ) -> None:
        self.model, self.config, self.world = model, config, world or World()
        self.device = next(model.parameters()).device
        if config.sync_bn and self.world.size > 1:
            synchronise_batch_norm(model, self.device)
        self.optimizer = SAM(make_optimizer(model, config), rho=config.sam.rho, adaptive=config.sam.adaptive)
        self.scaler = torch.amp.GradScaler(self.device.type) if config.amp == "fp16" else None
        criterion = Criterion(model, config.loss, self.world, class_weights, log_prior)
        if config.compile:
            criterion.gather_rows = torch.compiler.disable(
                criterion.gather_rows
            )  # the compiler knows no other processes
            criterion.compile()
        self.criterion: nn.Module = criterion
        if self.world.size > 1:
            # without find_unused_parameters DDP reorders its sums after the first step, so a resumed run would differ in bits
            self.criterion = DistributedDataParallel(criterion, find_unused_parameters=True)

    def __call__(self, images: Tensor, targets: Tensor, *, count: int | None = None) -> StepReport:
        """Move the weights once, or raise NotFiniteError in all processes where a loss, the gradient or a statistic is no number.

        Args: images [B, 3, S, S] normalised, targets [B] indices or [B, N] distributions, this process's share of a batch of
        `count` images in all processes; left out, of B times the number of processes.
        """
        count = len(images) * self.world.size if count is None else count
        self.model.train()
        pieces = self._pieces(images, targets, count)
        passes = [self._gradient(pieces, count)]
        judged = {"the loss": passes[0]["loss"]}
        if self.optimizer.rho:
            self.optimizer.perturb(grad_scale=self.scaler.get_scale() if self.scaler is not None else 1.0)
            with _batch_norm_still(self.model, still=self.config.sam.freeze_bn_second):
                passes.append(self._gradient(pieces, count))
            judged["the loss of SAM's second pass"] = passes[1]["loss"]
            self.optimizer.restore()
        judged.update(self._sizes())
        # all that is asked of the device comes over at once, and the sum over the processes makes them decide alike
        told = _mean(passes if self.config.sam.report == "both" else passes[:1])
        numbers = torch.stack([*judged.values(), *told.values()]).double()
        seen = self.world.total(numbers).tolist()
        for name, value in zip(judged, seen, strict=False):
            if not math.isfinite(value):
                raise NotFiniteError(f"{name} became {value}")
        self._move()
        found = dict(zip(told, seen[len(judged) :], strict=True))
        return StepReport(loss=found.pop("loss"), correct=found.pop("correct"), terms=found, images=count)

    def _pieces(self, images: Tensor, targets: Tensor, count: int) -> list[_Piece]:
        """The batch in as many parts as the recipe says, the same number in each process."""
        number = max(1, min(self.config.accumulate, count // self.world.size))
        here = parts(len(images), number)
        everywhere = [parts(size, number) for size in self.world.sizes(count)]
        frozen = self.model.config.landmark.bn == "frozen"
        pieces = []
        for place, (some, theirs) in enumerate(zip(images.split(here), targets.split(here), strict=True)):
            with self._autocast():
                taps = self.model.landmark_taps(some) if frozen else None
            pieces.append(_Piece(some, theirs, taps, tuple(sizes[place] for sizes in everywhere)))
        return pieces

    def _gradient(self, pieces: Sequence[_Piece], count: int) -> dict[str, Tensor]:
        """Leave the gradient of the whole batch in the weights; returns this process's part of loss, its terms and correct."""
        self.optimizer.optimizer.zero_grad(set_to_none=True)
        loss_sum = torch.zeros((), device=self.device)
        correct = torch.zeros((), device=self.device)
        term_sums: dict[str, Tensor] = {}
        for piece in pieces:
            last = piece is pieces[-1]
            with self._alone(not last):
                with self._autocast():
                    loss, terms, p_vit = self.criterion(piece.images, piece.targets, piece.taps, piece.sizes, count)
                whole = loss * self.world.size  # DDP takes the mean over the processes, the batch's loss is their sum
                (self.scaler.scale(whole) if self.scaler is not None else whole).backward()
            truth = piece.targets if piece.targets.ndim == 1 else piece.targets.argmax(dim=1)
            correct = correct + (p_vit.detach().argmax(dim=1) == truth).sum()
            loss_sum = loss_sum + loss.detach()
            term_sums = {name: term_sums.get(name, 0) + term for name, term in terms.items()}
        return {"loss": loss_sum, **term_sums, "correct": correct}

    def _sizes(self) -> dict[str, Tensor]:
        """Clip the gradient as the recipe says; how large it is, and what batch norm remembers.

        With loss scaling a gradient may overflow: the scaler then leaves the step out and scales less.
        """
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer.optimizer)
        weights = [p for p in self.model.parameters() if p.requires_grad]
        clipped = nn.utils.clip_grad_norm_(weights, self.config.grad_clip) if self.config.grad_clip else None
        remembered = [value for value in self.model.buffers() if value.is_floating_point()]
        sizes = {"a statistic of batch norm": nn.utils.get_total_norm(remembered, math.inf)}
        if self.scaler is None:
            grads = [p.grad for p in weights if p.grad is not None]
            sizes["the gradient"] = nn.utils.get_total_norm(grads) if clipped is None else clipped
        return sizes

    def _move(self) -> None:
        if self.scaler is not None:
            self.scaler.step(self.optimizer.optimizer)
            self.scaler.update()
        else:
            self.optimizer.optimizer.step()

    def _autocast(self) -> contextlib.AbstractContextManager[object]:
        if self.config.amp == "off":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16 if self.config.amp == "bf16" else torch.float16)

    def _alone(self, alone: bool) -> contextlib.AbstractContextManager[object]:
        """Let gradients of all parts but the last stay in this process."""
        if alone and isinstance(self.criterion, DistributedDataParallel):
            return self.criterion.no_sync()
        return contextlib.nullcontext()


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether every value is a number; a finite norm, which is quick to have, needs no closer look."""
    floats = [tensor for tensor in tensors if tensor.is_floating_point()]
    return bool(nn.utils.get_total_norm(floats).isfinite()) or all(bool(tensor.isfinite().all()) for tensor in floats)


def _mean(passes: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of every number over one pass or two."""
    return {name: torch.stack([each[name] for each in passes]).mean(dim=0) for name in passes[0]}


@dataclass(frozen=True)
class _Piece:
    """A part of a batch: this process's images, and how many every process has of the part."""

    images: Tensor
    targets: Tensor
    taps: Taps | None
    sizes: tuple[int, ...]


@contextlib.contextmanager
def _batch_norm_still(model: nn.Module, *, still: bool) -> Iterator[None]:
    """Keep running statistics where they are: batch norm still uses the batch, but with a momentum of 0."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)] if still else []
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
