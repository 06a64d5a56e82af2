"""`fer train`: a data set and a recipe in, a run folder with weights, card and scores out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import fercli
from fercli.core import metrics
from fercli.core.card import WeightsCard
from fercli.core.scores import SplitScore, split_score
from fercli.devices import resolve_device
from fercli.errors import DataError, RefusedError, UsageError
from fercli.learn.ema import Ema
from fercli.learn.loop import (
    make_optimizer,
    normalise,
    predict_logits,
    prepare_batch,
    set_learning_rate,
    to_unit,
    train_step,
)
from fercli.learn.losses import class_weights
from fercli.learn.sam import SAM
from fercli.learn.sampling import epoch_order, generator
from fercli.learn.schedule import lr_factor
from fercli.models.btn import BTN
from fercli.progress import EpochReport, StepProgress, TrainEvent, no_report
from fercli.store.checkpoints import load_checkpoint, save_checkpoint
from fercli.store.datasets.holdout import train_and_validation
from fercli.store.datasets.records import Dataset, Sample, Split
from fercli.store.loading import Crops, in_batches, labels_of, loader, targets_of
from fercli.store.runs import RunConfig, RunFolder, open_run, start_run, write_json, write_metrics
from fercli.store.starting_weights import start_from
from fercli.store.weights import load_weights, save_weights
from fercli.templates import template

CHECKPOINT_SECONDS = 240.0
EVEN_ODDS = 0.5  # calibrated: under it an answer is more likely wrong than right


@dataclass(frozen=True)
class TrainResult:
    """What a finished run has: its folder, the selected weights and their scores. `selected_by` says on what."""

    folder: Path
    weights: Path
    epoch: int
    selected_by: str
    temperature: float
    scores: tuple[SplitScore, ...]
    started_from: tuple[dict[str, Any], ...]


@dataclass
class _State:
    """Where a run is; everything here is in its checkpoint."""

    epoch: int = 0  # finished epochs
    step: int = 0  # finished steps of the epoch under way
    loss_sum: float = 0.0
    term_sums: dict[str, float] | None = None
    correct: int = 0
    images: int = 0
    seconds: float = 0.0
    best_accuracy: float = -1.0
    best_epoch: int = 0
    rows: list[dict[str, Any]] | None = None


def train(
    dataset: Dataset,
    out: Path,
    *,
    config: RunConfig,
    device: str = "auto",
    workers: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    licence: str = "",
    notes: Sequence[str] = (),
    report: Callable[[TrainEvent], None] = no_report,
) -> TrainResult:
    """Train a BTN and leave in `out`: config, environment, metrics.csv, checkpoint, best and last weights, result.json.

    The best epoch is the one with the highest overall accuracy on the validation split (the data set's own, or a stratified part
    of train); the test split is looked at once, at the end. An interrupted run goes on with `resume` as if it had not stopped.
    Raises: DataError without training images, RefusedError on an existing run or a loss that is not finite.
    """
    config = replace(config, fingerprint=dataset.fingerprint)
    loss = config.train.loss
    train_samples, val_samples = train_and_validation(
        dataset,
        share=config.train.validation,
        seed=config.train.seed,
        with_unlabelled=loss.soft_targets and loss.unlabelled,
    )
    # all that can go wrong at the start goes wrong before an earlier run is touched
    run = _Run(
        dataset, train_samples, val_samples, RunFolder(out), config, device=device, workers=workers, report=report
    )
    folder = open_run(out, config) if resume else start_run(out, config, overwrite=overwrite)
    if resume and folder.checkpoint.is_file():
        run.restore(load_checkpoint(folder.checkpoint))
    while run.state.epoch < config.train.epochs:
        run.one_epoch()
    return run.finish(licence=licence, notes=notes)


class _Run:
    """One run's moving parts; its public story is `train`."""

    def __init__(
        self,
        dataset: Dataset,
        train_samples: Sequence[Sample],
        val_samples: Sequence[Sample],
        folder: RunFolder,
        config: RunConfig,
        *,
        device: str,
        workers: int,
        report: Callable[[TrainEvent], None],
    ) -> None:
        self.dataset, self.folder, self.config, self.recipe = dataset, folder, config, config.train
        self.device, self.workers, self.report = resolve_device(device), workers, report
        classes, size = len(dataset.labels), config.model.input.size
        torch.manual_seed(self.recipe.seed)
        loss = self.recipe.loss
        batch_part = bool(loss.bt or loss.cba)
        if batch_part and config.model.ablate.mla_only != "none":
            raise UsageError(
                f"ablate.mla_only={config.model.ablate.mla_only} is a model without the batch transformer, but its losses are on",
                fix="--set loss.bt=0 --set loss.cba=0",
            )
        training_parts = batch_part or config.model.ablate.mla_only == "aux_head"
        self.model = BTN(config.model, classes, training_parts=training_parts)
        self.started_from = tuple(start_from(self.model, config.init))
        # channels last: twice as fast on CPUs, and what mixed precision wants
        self.model.to(self.device).to(memory_format=torch.channels_last)
        self.optimizer = SAM(
            make_optimizer(self.model, self.recipe), rho=self.recipe.sam.rho, adaptive=self.recipe.sam.adaptive
        )
        self.ema = Ema(self.model, self.recipe.ema) if self.recipe.ema else None
        fp16 = self.recipe.amp == "fp16"
        self.scaler = torch.amp.GradScaler(self.device.type) if fp16 else None
        self.labels = labels_of(train_samples)
        self.crops = Crops(train_samples, targets_of(train_samples, classes, loss), size)
        self.val = Crops(val_samples, labels_of(val_samples), size)
        counts = torch.bincount(self.labels[self.labels >= 0], minlength=classes)
        weights = class_weights(counts, loss.class_weight)
        self.class_weights = None if weights is None else weights.to(self.device)
        self.state = _State(term_sums={}, rows=[])
        self._saved_at = time.monotonic()

    def one_epoch(self) -> None:
        """Go on with the epoch under way to its end, score it, write what it left."""
        state, recipe = self.state, self.recipe
        order = epoch_order(self.labels, recipe, state.epoch).tolist()
        batches = in_batches(order, recipe.batch_size, drop_last=recipe.drop_last)
        started, images_before = time.monotonic(), state.images
        for crops, targets in loader(self.crops, batches[state.step :], device=self.device, workers=self.workers):
            self._step(crops, targets, len(batches))
            seconds = time.monotonic() - started
            self._tell(len(batches), (state.images - images_before) / max(seconds, 1e-9))
            if time.monotonic() - self._saved_at > CHECKPOINT_SECONDS:
                self._save(seconds)
        state.seconds += time.monotonic() - started
        self._end_epoch()

    def restore(self, saved: dict[str, Any]) -> None:
        """Take up the state that `_save` left."""
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        if self.ema is not None:
            self.ema.load_state_dict(saved["ema"])
        if self.scaler is not None:
            self.scaler.load_state_dict(saved["scaler"])
        self.state = _State(**saved["state"])

    def finish(self, *, licence: str, notes: Sequence[str]) -> TrainResult:
        """Calibrate the selected weights on validation, score them there and once on test, write both into their card."""
        selected, _ = load_weights(self.folder.best)
        self.model.load_state_dict(selected, strict=False)  # the training-only part is not in it
        val_logits, val_truth = self._logits(self.val)
        temperature = metrics.fit_temperature(val_logits, val_truth)
        scores = [self._score("val", val_logits, val_truth, temperature)]
        test = self.dataset.split("test")
        if test:
            logits, truth = self._logits(Crops(test, labels_of(test), self.config.model.input.size))
            scores.append(self._score("test", logits, truth, temperature))
        card = self._card(self.state.best_epoch, temperature, scores)
        save_weights(self.folder.best, selected, replace(card, licence=licence, notes=tuple(notes)))
        result = TrainResult(
            folder=self.folder.path,
            weights=self.folder.best,
            epoch=self.state.best_epoch,
            selected_by=self._selected_by(),
            temperature=temperature,
            scores=tuple(scores),
            started_from=self.started_from,
        )
        write_json(self.folder.result, asdict(result))
        return result

    def _step(self, crops: Tensor, targets: Tensor, steps: int) -> None:
        state, recipe = self.state, self.recipe
        draw = generator(recipe.seed, state.epoch, state.step)
        torch.manual_seed(draw.initial_seed())  # drop path draws from the global generator
        progress = state.epoch + state.step / steps
        set_learning_rate(self.optimizer.optimizer, recipe.lr * lr_factor(recipe, progress))
        images = prepare_batch(crops.to(self.device, non_blocking=True), self.model, recipe, draw)
        seen = train_step(
            self.model,
            images,
            targets.to(self.device, non_blocking=True),
            self.optimizer,
            recipe,
            class_weights=self.class_weights,
            scaler=self.scaler,
        )
        if not torch.isfinite(torch.tensor(seen.loss)):
            raise RefusedError(
                f"the loss became {seen.loss} in epoch {state.epoch + 1}, step {state.step + 1}; "
                f"{self.folder.checkpoint} is intact",
                fix="--set lr=... lower, --set amp=off, or --set grad_clip=1, in a new run",
            )
        if self.ema is not None:
            self.ema.update(self.model)
        state.step += 1
        state.loss_sum += seen.loss * seen.images
        state.correct += seen.correct
        state.images += seen.images
        sums = state.term_sums or {}
        state.term_sums = {name: sums.get(name, 0.0) + term * seen.images for name, term in seen.terms.items()}

    def _end_epoch(self) -> None:
        state = self.state
        with self._averaged_weights():
            logits, truth = self._logits(self.val)
            inference = {name: value.clone() for name, value in self.model.inference_state().items()}
        matrix = metrics.confusion(truth, logits.argmax(axis=1), len(self.dataset.labels))
        accuracy = metrics.overall_accuracy(matrix)
        best = accuracy > state.best_accuracy
        terms = {name: total / state.images for name, total in (state.term_sums or {}).items()}
        row = EpochReport(
            epoch=state.epoch + 1,
            lr=self.optimizer.optimizer.param_groups[-1]["lr"],
            loss=state.loss_sum / state.images,
            loss_vit=terms.get("vit", float("nan")),
            loss_bt=terms.get("bt"),
            loss_cba=terms.get("cba"),
            train_accuracy=state.correct / state.images,
            val_loss=metrics.negative_log_likelihood(logits, truth),
            val_accuracy=accuracy,
            val_mean_accuracy=metrics.mean_class_accuracy(matrix),
            seconds=state.seconds,
            best=best,
        )
        rows = [*(state.rows or []), asdict(row)]
        epoch = state.epoch + 1
        self.state = _State(
            epoch=epoch,
            term_sums={},
            rows=rows,
            best_accuracy=accuracy if best else state.best_accuracy,
            best_epoch=epoch if best else state.best_epoch,
        )
        # weights first: if the checkpoint after them is never written, the epoch is done again and writes them again
        for path in (self.folder.last, self.folder.best) if best else (self.folder.last,):
            save_weights(path, inference, self._card(epoch, 1.0, ()))
        self._save(0.0)
        write_metrics(self.folder.metrics, rows)
        self.report(row)

    @contextlib.contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        """Let the model hold the averaged weights for a while, where the recipe averages."""
        if self.ema is None:
            yield
            return
        own = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.ema.state)
        try:
            yield
        finally:
            self.model.load_state_dict(own)

    def _save(self, seconds: float) -> None:
        """Write the checkpoint; `seconds` were spent on the epoch under way since this process took it up."""
        save_checkpoint(
            self.folder.checkpoint,
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "ema": self.ema.state_dict() if self.ema is not None else None,
                "scaler": self.scaler.state_dict() if self.scaler is not None else None,
                "state": {**asdict(self.state), "seconds": self.state.seconds + seconds},
            },
        )
        self._saved_at = time.monotonic()

    def _tell(self, steps: int, images_per_s: float) -> None:
        state, recipe = self.state, self.recipe
        steps_left = steps - state.step + (recipe.epochs - state.epoch - 1) * steps
        self.report(
            StepProgress(
                epoch=state.epoch + 1,
                epochs=recipe.epochs,
                step=state.step,
                steps=steps,
                loss=state.loss_sum / state.images,
                accuracy=state.correct / state.images,
                images_per_s=images_per_s,
                seconds_left=steps_left * recipe.batch_size / max(images_per_s, 1e-9),
            )
        )

    def _logits(self, crops: Crops) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """P_VIT float32 [B, N] and truth int64 [B] of a split, as numpy arrays."""
        if not len(crops):
            raise DataError(f"{self.dataset.root} leaves no images to validate on", fix="--set validation=0.1")
        batches = in_batches(range(len(crops)), 4 * self.recipe.batch_size, drop_last=False)
        logits, truth = [], []
        for images, targets in loader(crops, batches, device=self.device, workers=self.workers):
            unit = to_unit(images.to(self.device, non_blocking=True), self.config.model.input)
            logits.append(predict_logits(self.model, normalise(unit, self.config.model.input)))
            truth.append(targets)
        return torch.cat(logits).numpy(), torch.cat(truth).numpy()

    def _score(
        self, split: Split, logits: NDArray[np.float32], truth: NDArray[np.int64], temperature: float
    ) -> SplitScore:
        return split_score(split, logits, truth, labels=self.dataset.labels, temperature=temperature)

    def _selected_by(self) -> str:
        own = (
            "the validation split" if self.dataset.split("val") else f"{self.recipe.validation:.0%} of train, held out"
        )
        return f"overall accuracy on {own}, best of {self.recipe.epochs} epochs"

    def _card(self, epoch: int, temperature: float, scores: Sequence[SplitScore]) -> WeightsCard:
        dataset = self.dataset
        return WeightsCard(
            name=self.folder.path.name,
            version="1",
            labels=dataset.labels,
            schema=dataset.schema,
            crop=template(dataset.template),
            model=self.config.model,
            temperature=temperature,
            abstain_below=EVEN_ODDS,
            data={
                "name": dataset.name,
                "train_images": len(self.crops),
                "fingerprint": dataset.fingerprint,
                "alignment": dataset.alignment,
            },
            scores={
                "selected_by": self._selected_by(),
                "epoch": epoch,
                **{score.split: asdict(score) for score in scores},
            },
            provenance={
                "trained_by": f"fer train {fercli.__version__}",
                "recipe": asdict(self.recipe),
                "started_from": self.started_from,
            },
        )
