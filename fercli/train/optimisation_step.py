"""One optimisation step of a BTN on a batch, with SAM.

The same step serves one process and several (DistributedDataParallel), whole batches and gradient accumulation, float32 and half
precision, and torch's compiler.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from fercli.config.training import LossConfig, TrainConfig
from fercli.models.btn import BTN
from fercli.models.mobilefacenet import Taps
from fercli.train.attention_terms import batch_labels, target_classes
from fercli.train.batch_norm import frozen_statistics, synchronise_batch_norm
from fercli.train.losses import btn_loss
from fercli.train.optimizers import make_optimizer
from fercli.train.process_group import ProcessGroup, split_evenly
from fercli.train.sam import SAM
from fercli.train.schedule import refined_share

# Letters: B images of this process, N classes, S side.


class NotFiniteError(ArithmeticError):
    """A loss, gradient or statistic became NaN or infinite; the message names it."""


@dataclass(frozen=True)
class StepResult:
    """Mean loss and its terms, correct predictions of P_VIT and number of images over all processes, before the weights changed.

    With `sam.report=both` loss, terms and correct are means of SAM's two passes.
    """

    loss: float
    terms: dict[str, float]
    correct: float
    images: int


class NetworkWithLoss(nn.Module):
    """The network with its loss as one module, so that DistributedDataParallel and the compiler see the whole pass.

    forward: images [B, 3, S, S] with targets, of a batch that has `sizes` images in each process -> these images' part of the
    batch's mean loss (the parts of all processes add up to it), its terms, and P_VIT [B, N]. refine, teacher: see `btn_loss`;
    labels, truth: see `OptimisationStep`.
    """

    def __init__(
        self,
        model: BTN,
        config: LossConfig,
        group: ProcessGroup,
        class_weights: Tensor | None,
        log_prior: Tensor | None,
    ) -> None:
        super().__init__()
        self.model, self.config, self.group = model, config, group
        self.gather_rows: Callable[[Tensor, Sequence[int]], Tensor] = group.gather
        self.class_weights, self.log_prior = class_weights, log_prior

    def forward(
        self,
        images: Tensor,
        targets: Tensor,
        taps: Taps | None,
        sizes: Sequence[int],
        count: int,
        *,
        refine: float = 0.0,
        labels: Tensor,
        truth: Tensor | None = None,
        teacher: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        def gather(rows: Tensor) -> Tensor:
            return self.gather_rows(rows, sizes)

        start = sum(sizes[: self.group.rank])
        several = self.group.size > 1
        output = self.model.forward_batch(images, taps, gather if several else None, start)
        across = several and self.model.config.cba.gather and output.mix is not None
        with torch.autocast(images.device.type, enabled=False):
            if refine and self.config.refine_from == "permuted" and self.model.batch and output.mix:
                teacher = self.model.batch.cba.permuted_logits(output.mix)
            loss, terms = btn_loss(
                output,
                targets,
                self.config,
                class_weights=self.class_weights,
                log_prior=self.log_prior,
                count=count,
                batch=batch_labels(labels, truth, gather=gather if across else None, start=start),
                refine=refine,
                teacher=teacher,
            )
        return loss, terms, output.p_vit


class OptimisationStep:
    """Updates a model's weights, batch by batch: with two gradients where the recipe uses SAM, else with one.

    The model is on its device already. Its frozen landmark features are computed once for both passes.
    """

    def __init__(
        self,
        model: BTN,
        config: TrainConfig,
        *,
        group: ProcessGroup | None = None,
        class_weights: Tensor | None = None,
        log_prior: Tensor | None = None,
    ) -> None:
        self.model, self.config, self.group = model, config, group or ProcessGroup()
        self.device = next(model.parameters()).device
        if config.sync_bn and self.group.size > 1:
            synchronise_batch_norm(model, self.device)
        self.optimizer = make_optimizer(model, config)
        self.sam = SAM(self.optimizer, rho=config.sam.rho, adaptive=config.sam.adaptive) if config.sam.rho else None
        self.scaler = torch.amp.GradScaler(self.device.type) if config.amp == "fp16" else None
        network = NetworkWithLoss(model, config.loss, self.group, class_weights, log_prior)
        if config.compile:
            # the compiler does not support communication between processes
            network.gather_rows = torch.compiler.disable(network.gather_rows)
            network.compile()
        self.network: nn.Module = network
        if self.group.size > 1:
            # without find_unused_parameters DDP reorders its sums after the first step, so a resumed run would differ in bits
            self.network = DistributedDataParallel(network, find_unused_parameters=True)

    def __call__(
        self,
        images: Tensor,
        targets: Tensor,
        *,
        count: int | None = None,
        epochs_done: float = math.inf,
        labels: Tensor | None = None,
        truth: Tensor | None = None,
        average: nn.Module | None = None,
    ) -> StepResult:
        """Update the weights once, or raise NotFiniteError in all processes if a loss, gradient or statistic is not finite.

        Args: images [B, 3, S, S] normalised, targets [B] indices or [B, N] distributions, this process's part of a batch of
        `count` images in all processes (default: B times the number of processes). epochs_done: for what begins during
        training (loss.refine_after). labels: classes [B] that supervise the attention, by default those of the targets, -1 for
        an image without one; truth: true classes [B], -1 where unknown, for diagnostics only. average: the network with
        averaged weights, for loss.refine_from = ema.
        """
        count = len(images) * self.group.size if count is None else count
        self.model.train()
        refine = refined_share(self.config, epochs_done)
        known = {
            "labels": target_classes(targets) if labels is None else labels,
            "truth": truth,
            "teacher": self._average_prediction(average, images) if refine else None,
        }
        micro_batches = self._micro_batches(images, targets, known, count)
        passes = [self._accumulate_gradients(micro_batches, count, refine)]
        must_be_finite = {"the loss": passes[0]["loss"]}
        if self.sam is not None:
            # the scale as a tensor: get_scale would wait for the device
            one = torch.ones((), device=self.device)
            self.sam.perturb(grad_scale=one if self.scaler is None else self.scaler.scale(one))
            with frozen_statistics(self.model, frozen=self.config.sam.freeze_bn_second):
                passes.append(self._accumulate_gradients(micro_batches, count, refine))
            must_be_finite["the loss of SAM's second pass"] = passes[1]["loss"]
            self.sam.restore()
        gradient_norm = self._unscale_and_clip_gradients()
        must_be_finite["a statistic of batch norm"] = self._largest_buffer_value()
        if (
            self.scaler is None
        ):  # with loss scaling a gradient may overflow: the scaler then skips the step and scales less
            must_be_finite["the gradient"] = gradient_norm
        # one transfer from the device for all numbers; summed over the processes, so that all of them decide the same
        sums = _mean(passes if self.config.sam.report == "both" else passes[:1])
        numbers = self.group.sum(torch.stack([*must_be_finite.values(), *sums.values()]).double()).tolist()
        for name, number in zip(must_be_finite, numbers, strict=False):
            if not math.isfinite(number):
                raise NotFiniteError(f"{name} became {number}")
        self._update_weights()
        terms = dict(zip(sums, numbers[len(must_be_finite) :], strict=True))
        return StepResult(loss=terms.pop("loss"), correct=terms.pop("correct"), terms=terms, images=count)

    @torch.no_grad()
    def _average_prediction(self, average: nn.Module | None, images: Tensor) -> Tensor | None:
        """P_VIT [B, N] of the averaged weights where they correct the targets; a row depends on its image alone."""
        if average is None or self.config.loss.refine_from != "ema":
            return None
        with self._autocast():
            prediction: Tensor = average.eval()(images)
        return prediction.float()

    def _micro_batches(
        self, images: Tensor, targets: Tensor, known: Mapping[str, Tensor | None], count: int
    ) -> list[_MicroBatch]:
        """The batch in as many parts as the recipe accumulates, the same number in each process."""
        parts = max(1, min(self.config.accumulate, count // self.group.size))
        own_sizes = split_evenly(len(images), parts)
        sizes_by_rank = [split_evenly(size, parts) for size in self.group.part_sizes(count)]
        frozen = self.model.config.landmark.bn == "frozen"
        micro_batches = []
        known_parts = {name: [None] * parts if rows is None else rows.split(own_sizes) for name, rows in known.items()}
        split = zip(images.split(own_sizes), targets.split(own_sizes), strict=True)
        for index, (part_images, part_targets) in enumerate(split):
            with self._autocast():
                taps = self.model.landmark_taps(part_images) if frozen else None
            sizes = tuple(part_sizes[index] for part_sizes in sizes_by_rank)
            part_known = {name: rows[index] for name, rows in known_parts.items()}
            micro_batches.append(_MicroBatch(part_images, part_targets, part_known, taps, sizes))
        return micro_batches

    def _accumulate_gradients(
        self, micro_batches: Sequence[_MicroBatch], count: int, refine: float
    ) -> dict[str, Tensor]:
        """Leave the whole batch's gradient in the weights; returns this process's part of loss, its terms and correct."""
        self.optimizer.zero_grad(set_to_none=True)
        loss_sum = torch.zeros((), device=self.device)
        correct = torch.zeros((), device=self.device)
        term_sums: dict[str, Tensor] = {}
        for batch in micro_batches:
            with contextlib.nullcontext() if batch is micro_batches[-1] else self._no_sync():
                with self._autocast():
                    loss, terms, p_vit = self.network(
                        batch.images, batch.targets, batch.taps, batch.sizes, count, refine=refine, **batch.known
                    )
                scaled = loss * self.group.size  # DDP takes the mean over the processes, the batch's loss is their sum
                (self.scaler.scale(scaled) if self.scaler is not None else scaled).backward()
            truth = batch.targets if batch.targets.ndim == 1 else batch.targets.argmax(dim=1)
            correct = correct + (p_vit.detach().argmax(dim=1) == truth).sum()
            loss_sum = loss_sum + loss.detach()
            term_sums = {name: term_sums.get(name, 0) + term for name, term in terms.items()}
        return {"loss": loss_sum, **term_sums, "correct": correct}

    def _unscale_and_clip_gradients(self) -> Tensor:
        """Undo loss scaling and clip the gradients as in the recipe; returns their norm before clipping."""
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        trainable = [p for p in self.model.parameters() if p.requires_grad]
        if self.config.grad_clip:
            return nn.utils.clip_grad_norm_(trainable, self.config.grad_clip)
        return nn.utils.get_total_norm([p.grad for p in trainable if p.grad is not None])

    def _largest_buffer_value(self) -> Tensor:
        """The largest magnitude in the model's floating-point buffers, which are batch norm's running statistics."""
        return nn.utils.get_total_norm([b for b in self.model.buffers() if b.is_floating_point()], math.inf)

    def _update_weights(self) -> None:
        if self.scaler is not None:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            self.optimizer.step()

    def _autocast(self) -> contextlib.AbstractContextManager[object]:
        if self.config.amp == "off":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16 if self.config.amp == "bf16" else torch.float16)

    def _no_sync(self) -> contextlib.AbstractContextManager[object]:
        """Inside the context DistributedDataParallel does not exchange gradients."""
        if isinstance(self.network, DistributedDataParallel):
            return self.network.no_sync()
        return contextlib.nullcontext()


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether every value is finite; a finite total norm, which is fast to compute, already proves it."""
    floats = [tensor for tensor in tensors if tensor.is_floating_point()]
    return bool(nn.utils.get_total_norm(floats).isfinite()) or all(bool(tensor.isfinite().all()) for tensor in floats)


@dataclass(frozen=True)
class _MicroBatch:
    """A part of a batch: this process's images with their targets, and how many of the part's images every process has.

    known: labels, truth and teacher of `NetworkWithLoss`.
    """

    images: Tensor
    targets: Tensor
    known: dict[str, Tensor | None]
    taps: Taps | None
    sizes: tuple[int, ...]


def _mean(passes: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of every number over one pass or two."""
    return {name: torch.stack([terms[name] for terms in passes]).mean(dim=0) for name in passes[0]}
