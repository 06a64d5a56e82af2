"""The training loop: epochs and steps, with scoring, selection and saving after every epoch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict

import torch
from torch import Tensor

from fercli.data.dataset import Split
from fercli.data.loader import CropReader
from fercli.evaluate import metrics
from fercli.train.batches import reading_ahead
from fercli.train.components import Components
from fercli.train.inputs import training_input
from fercli.train.mixing import left_unmixed, mix_images
from fercli.train.optimisation_step import NotFiniteError, all_finite
from fercli.train.optimizers import learning_rate, set_learning_rate
from fercli.train.random_numbers import BatchRandom, seeded_generator
from fercli.train.reporter import Reporter, epoch_report
from fercli.train.saver import Saver
from fercli.train.schedule import lr_factor
from fercli.train.scoring import Scorer
from fercli.train.selected_weights import SelectedWeights
from fercli.train.selection import Selection
from fercli.train.stage_meter import StageMeter
from fercli.train.state import BestEpoch, EpochSums, TrainingState
from fercli.train.training_errors import explain_failed_step, explain_full_disk
from fercli.weights.run_folder import RunFolder


class TrainingLoop:
    """Trains from the state's epoch and step to the last epoch, so a restored state continues as if it had not stopped."""

    def __init__(
        self,
        components: Components,
        state: TrainingState,
        folder: RunFolder,
        *,
        scorer: Scorer,
        selection: Selection,
        selected: SelectedWeights,
        saver: Saver,
        reporter: Reporter,
        meter: StageMeter,
        workers: int,
    ) -> None:
        self.components, self.state, self.folder = components, state, folder
        self.scorer, self.selection, self.selected = scorer, selection, selected
        self.saver, self.reporter, self.meter = saver, reporter, meter
        self.reader = CropReader(components.data.train, device=components.device, workers=workers)

    def run(self) -> None:
        """Train to the last epoch, or until the recipe's patience ends."""
        while not is_finished(self.state, self.components):
            self._train_epoch()
            self._finish_epoch()

    def _train_epoch(self) -> None:
        """Make the steps of the current epoch that are left."""
        components, sums = self.components, self.state.sums
        batches = components.batches(self.state.epoch)
        steps_left = batches[sums.step :]
        own_batches = [list(components.group.own_part(batch)) for batch in steps_left]
        started, seconds_before, images_before = time.monotonic(), sums.seconds, sums.images
        with reading_ahead(self.reader, own_batches) as batches_read:
            for batch, own in zip(steps_left, own_batches, strict=True):
                wait_started = time.monotonic()
                with self.meter.stage("wait"):
                    crops, targets = next(batches_read)
                sums.data_wait_s += time.monotonic() - wait_started
                action = f"epoch {self.state.epoch + 1}, step {sums.step + 1}"
                with (
                    self.meter.stage("step"),
                    explain_failed_step(action, folder=self.folder, recipe=components.recipe),
                ):
                    self._train_step(crops, targets, own, count=len(batch), steps=len(batches))
                seconds = time.monotonic() - started
                sums.seconds = seconds_before + seconds
                self.reporter.step(
                    len(batches),
                    images_per_s=(sums.images - images_before) / max(seconds, 1e-9),
                    lr=learning_rate(components.step.optimizer),
                )
                self.saver.save_if_due()

    def _train_step(self, crops: Tensor, targets: Tensor, indices: Sequence[int], *, count: int, steps: int) -> None:
        """One step on this process's part of a batch of `count` images, in an epoch of `steps` steps."""
        components, epoch, sums, recipe = self.components, self.state.epoch, self.state.sums, self.components.recipe
        generator = seeded_generator(recipe.seed, epoch, sums.step)
        # drop path uses the global generator, which must differ between processes because their images do
        torch.manual_seed(generator.initial_seed() + components.group.rank)
        epochs_done = epoch + sums.step / steps
        set_learning_rate(components.step.optimizer, recipe.lr * lr_factor(recipe, epochs_done))
        random = BatchRandom(generator, len(crops), start=components.group.part_start(count), batch_size=count)
        images = training_input(crops.to(components.device, non_blocking=True), components.model, recipe, random)
        targets = targets.to(components.device, non_blocking=True)
        images, mixed = mix_images(images, targets, components.model.num_classes, recipe.augment, random)
        labels = components.data.classes[list(indices)].to(components.device)
        if mixed is not targets:
            labels = labels.masked_fill(~left_unmixed(targets, mixed), -1)
        truth = components.data.truth
        result = components.step(
            images,
            mixed,
            count=count,
            epochs_done=epochs_done,
            labels=labels,
            truth=None if truth is None else truth[list(indices)].to(components.device),
            average=None if components.ema is None else components.ema.module,
        )
        if components.ema is not None:
            components.ema.update_parameters(components.model)
        sums.add(result.loss, result.terms, correct=result.correct, images=result.images)

    def _finish_epoch(self) -> None:
        """Score the epoch's weights, update the best epochs, then write weights, checkpoint and log."""
        components, state, epoch = self.components, self.state, self.state.epoch + 1
        with explain_failed_step(f"the end of epoch {epoch}", folder=self.folder, recipe=components.recipe):
            if not all_finite(components.model.state_dict().values()):
                raise NotFiniteError("the weights became infinite")
        scores: dict[Split, tuple[float, float]] = {}
        val_loss = None
        with self.scorer.scored_weights(), self.meter.stage("score"):
            for split in self.selection.splits_to_score():
                logits, truth = self.scorer.logits(epoch, split)
                matrix = metrics.confusion(truth, logits.argmax(axis=1), logits.shape[1])
                scores[split] = metrics.overall_accuracy(matrix), metrics.mean_class_accuracy(matrix)
                if split == "val":
                    val_loss = metrics.negative_log_likelihood(logits, truth)
            inference_weights = {name: value.clone() for name, value in components.model.inference_state().items()}
        best = self.selection.update(state, epoch, scores)
        is_best = best.get("val", BestEpoch()).epoch == epoch
        lr = learning_rate(components.step.optimizer)
        report = epoch_report(state, scores, lr=lr, val_loss=val_loss, best=is_best)
        state.epoch, state.sums, state.best = epoch, EpochSums(), best
        state.rows.append(asdict(report))
        if components.group.is_first:
            # weights before the checkpoint: a process killed between the two repeats the epoch and writes them again
            with explain_full_disk(self.folder.path), self.meter.stage("save"):
                self.selected.keep(inference_weights)
            self.saver.save_after_epoch(last=is_finished(state, components))
        self.reporter.epoch(report)


def is_finished(state: TrainingState, components: Components) -> bool:
    """Whether the last epoch is done, or the validation accuracy has not improved for the recipe's `patience` epochs."""
    recipe = components.recipe
    waited = state.epoch - state.best["val"].epoch if "val" in state.best else 0
    return state.epoch >= recipe.epochs or bool(recipe.patience and waited >= recipe.patience)
