"""One training run from epoch to epoch: it can stop after any step and go on as if it had not."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fercli.data.dataset import Dataset, Sample, Split
from fercli.data.holdout import train_and_validation
from fercli.data.loader import Crops, in_batches, labels_of, loader, targets_of
from fercli.errors import UsageError
from fercli.evaluate import metrics
from fercli.evaluate.result_file import write_result
from fercli.evaluate.scores import Score, SelectionCode
from fercli.models.btn import BTN, training_network
from fercli.progress import EpochReport, StepProgress, TrainEvent
from fercli.system.prefetch import prefetched
from fercli.train.augment import Draws
from fercli.train.distributed import World
from fercli.train.ema import Ema
from fercli.train.faults import full_disk_told, little_memory_told, not_finite_told
from fercli.train.journal import Journal
from fercli.train.loop import memory_format, prepare_batch, set_learning_rate
from fercli.train.losses import class_weights, log_shares
from fercli.train.meter import Meter
from fercli.train.optimisation_step import NotFiniteError, TrainStep, all_finite
from fercli.train.result_file import to_result_file
from fercli.train.sampling import epoch_order, generator
from fercli.train.schedule import lr_factor
from fercli.train.scoring import Answers, answers
from fercli.train.selection import Selected, Selection
from fercli.train.starting_weights import start_from
from fercli.train.state import Best, EpochSums, State
from fercli.train.teachers import open_teachers, with_teachers
from fercli.weights.checkpoint import save_checkpoint
from fercli.weights.files import load_weights
from fercli.weights.run_folder import RunConfig, RunFolder


@dataclass(frozen=True)
class TrainResult:
    """What a finished run has: its folder, the selected weights and scores. `selection`, in words `selected_by`, says on what.

    protocols: the same for every selection protocol. seconds and peak_gib by stage: teachers, waiting for pictures, steps,
    scoring, saving.
    """

    folder: Path
    seed: int
    weights: Path
    epoch: int
    epochs: int
    selection: SelectionCode
    selected_by: str
    temperature: float
    scores: tuple[Score, ...]
    protocols: tuple[Selected, ...]
    started_from: tuple[dict[str, Any], ...]
    seconds: dict[str, float]
    peak_gib: dict[str, float]


class Run:
    """One run's moving parts; `train` tells its story."""

    def __init__(
        self,
        dataset: Dataset,
        folder: RunFolder,
        config: RunConfig,
        *,
        world: World,
        device: torch.device,
        workers: int,
        save_every_s: float,
        report: Callable[[TrainEvent], None],
    ) -> None:
        self.folder, self.config, self.recipe = folder, config, config.train
        self.world, self.device, self.workers, self.report = world, device, workers, report
        self.save_every_s, self._saved_at = save_every_s, time.monotonic()
        recipe, classes, size = config.train, len(dataset.labels), config.model.input.size
        train_samples, val_samples = train_and_validation(
            dataset,
            share=recipe.validation,
            seed=recipe.seed,
            with_unlabelled=recipe.loss.soft_targets and recipe.loss.unlabelled,
        )
        held: dict[Split, Sequence[Sample]] = {"val": val_samples, "test": dataset.split("test")}
        self.selection = Selection(dataset, held, folder, config)
        self.model = _network(config, classes)
        self.started_from = tuple(start_from(self.model, config.init))
        self.model.to(device).to(memory_format=memory_format(recipe))
        self.labels = labels_of(train_samples)
        self.teachers = open_teachers(config.teachers, dataset.labels, device)
        self.crops = Crops(train_samples, targets_of(train_samples, classes, recipe.loss), size)
        self.held = {split: Crops(samples, labels_of(samples), size) for split, samples in held.items()}
        counts = torch.bincount(self.labels[self.labels >= 0], minlength=classes)
        weights = class_weights(counts, recipe.loss.class_weight)
        self.step = TrainStep(
            self.model,
            recipe,
            world=world,
            class_weights=None if weights is None else weights.to(device),
            log_prior=log_shares(counts).to(device) if recipe.loss.logit_adjustment else None,
        )
        self.ema = Ema(self.model, recipe.ema) if recipe.ema else None
        self.state = State(schedules=[recipe.epochs])
        self.meter = Meter(device, self.state.seconds, self.state.peak_bytes)
        self.classes = classes
        self._answered: dict[tuple[int, Split], Answers] = {}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take up the state that `_save` left."""
        self.model.load_state_dict(saved["model"])
        self.step.optimizer.load_state_dict(saved["optimizer"])
        if self.ema is not None:
            self.ema.load_state_dict(saved["ema"])
        if self.step.scaler is not None:
            self.step.scaler.load_state_dict(saved["scaler"])
        self.state = State.from_plain(saved["state"])
        self.started_from = tuple(saved.get("started_from", self.started_from))  # whose files may have changed since
        if self.state.schedules[-1:] != [self.recipe.epochs]:
            self.state.schedules.append(self.recipe.epochs)
        self.meter = Meter(self.device, self.state.seconds, self.state.peak_bytes)

    def learn_from_teachers(self) -> None:
        """Mix the teachers' answers into the targets, if there are teachers and epochs to come."""
        if not self.teachers or self._finished():
            return
        with self._watched("asking the teachers"), self.meter.stage("teach"):
            self.crops.targets = with_teachers(
                self.crops,
                self.selection.dataset.labels,
                self.teachers,
                share=self.recipe.loss.teacher,
                world=self.world,
                device=self.device,
                report=self.report,
            )

    def go(self, *, tensorboard: bool) -> None:
        """Go on to the last epoch, or to where the recipe's patience ends."""
        steps = len(self._batches(0))
        done = self.state.epoch * steps + self.state.sums.step
        with full_disk_told(self.folder.path):
            self.journal = Journal(self.folder, tensorboard=tensorboard and self.world.first, step0=done)
        while not self._finished():
            self._one_epoch()

    def finish(self, *, licence: str, notes: Sequence[str]) -> TrainResult:
        """Judge every protocol's weights, write their cards and predictions, the curves and the result."""
        selected = []
        for protocol in self.selection.protocols:
            epoch = self.state.best[protocol].epoch
            path = self.folder.weights(protocol)
            chosen = self.world.decide(lambda path=path: load_weights(path)[0])  # type: ignore[misc]
            self.model.load_state_dict(chosen, strict=False)  # the training-only part is not in it
            with full_disk_told(self.folder.path), self.meter.stage("score"):
                selected.append(
                    self.selection.judge(
                        protocol,
                        epoch,
                        partial(self._answer_of, epoch),
                        epochs=self.state.epoch,
                        train_images=len(self.crops),
                        origin=self._origin(),
                        licence=licence,
                        notes=notes,
                        write=self.world.first,
                    )
                )
        result = self._result(tuple(selected))
        if self.world.first:
            with full_disk_told(self.folder.path):
                self.journal.close(self.state.rows)
                dataset = self.selection.dataset
                write_result(self.folder.result, to_result_file(result, dataset, self.config, device=self.device))
        return result

    def _result(self, selected: tuple[Selected, ...]) -> TrainResult:
        main = next(each for each in selected if each.protocol == self.recipe.select)
        return TrainResult(
            folder=self.folder.path,
            seed=self.recipe.seed,
            weights=main.weights,
            epoch=main.epoch,
            epochs=self.state.epoch,
            selection=main.selection,
            selected_by=main.selected_by,
            temperature=main.temperature,
            scores=main.scores,
            protocols=selected,
            started_from=self.started_from,
            seconds={name: round(seconds, 2) for name, seconds in self.state.seconds.items()},
            peak_gib={name: round(peak / 2**30, 3) for name, peak in self.state.peak_bytes.items()},
        )

    def _origin(self) -> dict[str, Any]:
        """What the cards say of where the weights come from, beside the recipe."""
        taught_by = [{"file": teacher.path.name, "sha256": teacher.sha256} for teacher in self.teachers]
        return {
            "started_from": self.started_from,
            "schedules": self.state.schedules,
            **({"taught_by": taught_by} if taught_by else {}),
        }

    def _finished(self) -> bool:
        state, recipe = self.state, self.recipe
        waited = state.epoch - state.best["val"].epoch if "val" in state.best else 0
        return state.epoch >= recipe.epochs or bool(recipe.patience and waited >= recipe.patience)

    def _batches(self, epoch: int) -> list[list[int]]:
        """The epoch's batches over all processes; one too small for every process to have an image is left out."""
        order = epoch_order(self.labels, self.recipe, epoch).tolist()
        batches = in_batches(order, self.recipe.batch_size, drop_last=self.recipe.drop_last)
        kept = [batch for batch in batches if len(batch) >= self.world.size]
        if not kept:
            raise UsageError(
                f"batches of {len(batches[0])} images cannot be shared by {self.world.size} processes",
                fix="--set batch_size=... larger, or fewer processes",
            )
        return kept

    def _one_epoch(self) -> None:
        """Go on with the epoch under way to its end, score it, write what it left."""
        sums, batches = self.state.sums, self._batches(self.state.epoch)
        left = batches[sums.step :]
        shares = [list(self.world.share(batch)) for batch in left]
        pictures = iter(loader(self.crops, shares, device=self.device, workers=self.workers))
        started, seconds_before, images_before = time.monotonic(), sums.seconds, sums.images
        with contextlib.closing(prefetched(pictures)) as ready:
            for batch in left:
                asked = time.monotonic()
                with self.meter.stage("wait"):
                    crops, targets = next(ready)
                sums.waited += time.monotonic() - asked
                with self.meter.stage("step"), self._watched(self._where()):
                    self._one_step(crops, targets, len(batch), len(batches))
                seconds = time.monotonic() - started
                sums.seconds = seconds_before + seconds
                self._tell(len(batches), (sums.images - images_before) / max(seconds, 1e-9))
                if self.world.first and time.monotonic() - self._saved_at >= self.save_every_s and self._sound():
                    self._save()
        self._end_epoch()

    def _one_step(self, crops: Tensor, targets: Tensor, count: int, steps: int) -> None:
        """One step on this process's share of a batch of `count` images."""
        epoch, sums, recipe = self.state.epoch, self.state.sums, self.recipe
        draw = generator(recipe.seed, epoch, sums.step)
        # drop path draws from the global generator: in each process for other images, so differently
        torch.manual_seed(draw.initial_seed() + self.world.rank)
        set_learning_rate(self.step.optimizer.optimizer, recipe.lr * lr_factor(recipe, epoch + sums.step / steps))
        draws = Draws(draw, len(crops), start=sum(self.world.sizes(count)[: self.world.rank]), count=count)
        images = prepare_batch(crops.to(self.device, non_blocking=True), self.model, recipe, draws)
        seen = self.step(images, targets.to(self.device, non_blocking=True), count=count)
        if self.ema is not None:
            self.ema.update(self.model)
        sums.add(seen.loss, seen.terms, correct=seen.correct, images=seen.images)

    def _end_epoch(self) -> None:
        state, sums = self.state, self.state.sums
        matrices = {}
        with self._watched(f"the end of epoch {state.epoch + 1}"):
            if not self._sound():
                raise NotFiniteError("the weights became infinite")
        with self._weights_to_score(), self.meter.stage("score"):
            for split in self.selection.splits_of_an_epoch():
                logits, truth = self._answer_of(state.epoch + 1, split)
                matrices[split] = metrics.confusion(truth, logits.argmax(axis=1), self.classes)
                if split == "val":
                    val_loss = metrics.negative_log_likelihood(logits, truth)
            inference = {name: value.clone() for name, value in self.model.inference_state().items()}
        accuracy = {split: metrics.overall_accuracy(matrix) for split, matrix in matrices.items()}
        mean = {split: metrics.mean_class_accuracy(matrix) for split, matrix in matrices.items()}
        epoch = state.epoch + 1
        best = self.selection.update(state, epoch, {split: (accuracy[split], mean[split]) for split in matrices})
        row = EpochReport(
            epoch=epoch,
            lr=self.step.optimizer.optimizer.param_groups[-1]["lr"],
            loss=sums.loss / sums.images,
            loss_vit=sums.terms.get("vit", 0.0) / sums.images,
            loss_bt=_mean(sums, "bt"),
            loss_cba=_mean(sums, "cba"),
            train_accuracy=sums.correct / sums.images,
            val_loss=val_loss if "val" in matrices else None,
            val_accuracy=accuracy.get("val"),
            val_mean_accuracy=mean.get("val"),
            test_accuracy=accuracy.get("test"),
            test_mean_accuracy=mean.get("test"),
            seconds=sums.seconds,
            images_per_s=sums.images / max(sums.seconds, 1e-9),
            data_wait=sums.waited / max(sums.seconds, 1e-9),
            memory_gib=state.peak_bytes["step"] / 2**30,
            best=best.get("val", Best()).epoch == epoch,
        )
        state.epoch, state.sums, state.best = epoch, EpochSums(), best
        state.rows.append(asdict(row))
        if self.world.first:
            # weights first: if the checkpoint after them is never written, the epoch is done again and writes them again
            with full_disk_told(self.folder.path), self.meter.stage("save"):
                self.selection.keep(state, inference, train_images=len(self.crops), origin=self._origin())
            self._save()
            with full_disk_told(self.folder.path):
                self.journal.epoch(row, state.rows)
        self.report(row)

    @contextlib.contextmanager
    def _weights_to_score(self) -> Iterator[None]:
        """Let the model hold what is scored: the averaged weights where the recipe averages, in all processes the first one's."""
        if self.ema is None and self.world.size == 1:
            yield
            return
        own = {name: value.clone() for name, value in self.model.state_dict().items()}
        if self.ema is not None:
            self.model.load_state_dict(self.ema.state)
        self.world.same(list(self.model.state_dict().values()))
        try:
            yield
        finally:
            self.model.load_state_dict(own)

    @contextlib.contextmanager
    def _watched(self, where: str) -> Iterator[None]:
        """Say what to do about little memory and about what is no number. where: which step or which scoring."""
        recipe, folder = self.recipe, self.folder
        memory = little_memory_told(where, folder=folder, batch=recipe.batch_size, accumulate=recipe.accumulate)
        with memory, not_finite_told(where, folder=folder):
            yield

    def _sound(self) -> bool:
        """Whether the weights can be gone on with; a step too large for them shows in the next one's loss, after a save."""
        return all_finite(self.model.state_dict().values())

    def _answer_of(self, epoch: int, split: Split) -> Answers:
        """What the weights of an epoch, which the model holds, answer on a split; asked once in a process."""
        if (epoch, split) not in self._answered:
            with self._watched(f"scoring the {split} images"):
                self._answered[epoch, split] = answers(
                    self.model, self.held[split], self.recipe, world=self.world, workers=self.workers
                )
        return self._answered[epoch, split]

    def _where(self) -> str:
        return f"epoch {self.state.epoch + 1}, step {self.state.sums.step + 1}"

    def _save(self) -> None:
        with full_disk_told(self.folder.path), self.meter.stage("save"):
            save_checkpoint(
                self.folder.checkpoint,
                {
                    "model": self.model.state_dict(),
                    "optimizer": self.step.optimizer.state_dict(),
                    "ema": self.ema.state_dict() if self.ema is not None else None,
                    "scaler": self.step.scaler.state_dict() if self.step.scaler is not None else None,
                    "state": self.state.to_plain(),
                    "started_from": list(self.started_from),
                },
            )
        self._saved_at = time.monotonic()

    def _tell(self, steps: int, images_per_s: float) -> None:
        state, sums, recipe = self.state, self.state.sums, self.recipe
        steps_left = steps - sums.step + (recipe.epochs - state.epoch - 1) * steps
        scoring = state.seconds.get("score", 0.0) / max(state.epoch, 1)  # of an epoch; unknown in the first
        event = StepProgress(
            epoch=state.epoch + 1,
            epochs=recipe.epochs,
            step=sums.step,
            steps=steps,
            loss=sums.loss / sums.images,
            accuracy=sums.correct / sums.images,
            images_per_s=images_per_s,
            seconds_left=steps_left * recipe.batch_size / max(images_per_s, 1e-9)
            + (recipe.epochs - state.epoch) * scoring,
        )
        with full_disk_told(self.folder.path):
            self.journal.step(event, self.step.optimizer.optimizer.param_groups[-1]["lr"])
        self.report(event)


def _network(config: RunConfig, classes: int) -> BTN:
    """The model with fresh weights drawn from the recipe's seed, with what its losses need."""
    loss = config.train.loss
    if loss.batch_part and config.model.ablate.mla_only != "none":
        raise UsageError(
            f"ablate.mla_only={config.model.ablate.mla_only} is a model without the batch transformer, but its losses are on",
            fix="--set loss.bt=0 --set loss.cba=0 --set loss.distill=0",
        )
    torch.manual_seed(config.train.seed)
    return training_network(config.model, classes, loss)


def _mean(sums: EpochSums, term: str) -> float | None:
    return sums.terms[term] / sums.images if term in sums.terms else None
