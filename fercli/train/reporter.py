"""Reports of a run's steps and epochs, to its log files and to the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fercli.config.training import TrainConfig
from fercli.data.dataset import Split
from fercli.progress import EpochReport, StepProgress, TrainEvent, TrainNote
from fercli.train.attention_terms import collapse_warning
from fercli.train.run_log import RunLog
from fercli.train.state import TrainingState
from fercli.train.training_errors import explain_full_disk


class Reporter:
    """Logs every step and epoch and passes it to `report`. The first process alone writes the log of epochs."""

    def __init__(
        self,
        state: TrainingState,
        recipe: TrainConfig,
        *,
        log: RunLog,
        writes: bool,
        report: Callable[[TrainEvent], None],
        device: str = "cpu",
    ) -> None:
        self.state, self.recipe, self.log, self.writes, self.report = state, recipe, log, writes, report
        self.device = device
        self._warned = False  # about the attention of the epoch before

    def step(self, steps: int, *, images_per_s: float, lr: float) -> None:
        """Report a step of an epoch of `steps` steps."""
        sums = self.state.sums
        event = StepProgress(
            epoch=self.state.epoch + 1,
            epochs=self.recipe.epochs,
            step=sums.step,
            steps=steps,
            loss=sums.loss / sums.images,
            accuracy=sums.correct / sums.images,
            images_per_s=images_per_s,
            seconds_left=self._seconds_left(steps, images_per_s),
            lr=lr,
            device=self.device,
        )
        with explain_full_disk(self.log.folder.path):
            self.log.step(event, lr)
        self.report(event)

    def epoch(self, event: EpochReport) -> None:
        """Report a finished epoch, whose row the state has already."""
        if self.writes:
            with explain_full_disk(self.log.folder.path):
                self.log.epoch(event, self.state.rows)
        self.report(event)
        warning = collapse_warning(event.attention_own, event.attention_spread)
        if warning is not None and not self._warned:
            self.report(TrainNote(f"epoch {event.epoch}: {warning}"))
        self._warned = warning is not None

    def close(self) -> None:
        """Complete the log files."""
        self.log.close(self.state.rows)

    def _seconds_left(self, steps: int, images_per_s: float) -> float:
        state, epochs_left = self.state, self.recipe.epochs - self.state.epoch
        steps_left = epochs_left * steps - state.sums.step
        scoring_s = state.seconds.get("score", 0.0) / max(state.epoch, 1)  # per epoch; unknown in the first
        return steps_left * self.recipe.batch_size / max(images_per_s, 1e-9) + epochs_left * scoring_s


def epoch_report(
    state: TrainingState, scores: Mapping[Split, tuple[float, float]], *, lr: float, val_loss: float | None, best: bool
) -> EpochReport:
    """Return the report of the epoch that `state.sums` holds. scores: overall and mean class accuracy of the scored splits."""
    sums = state.sums
    val_accuracy, val_mean_accuracy = scores.get("val", (None, None))
    test_accuracy, test_mean_accuracy = scores.get("test", (None, None))
    return EpochReport(
        epoch=state.epoch + 1,
        lr=lr,
        loss=sums.loss / sums.images,
        loss_vit=sums.mean_term("vit") or 0.0,
        loss_bt=sums.mean_term("bt"),
        loss_cba=sums.mean_term("cba"),
        train_accuracy=sums.correct / sums.images,
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        val_mean_accuracy=val_mean_accuracy,
        test_accuracy=test_accuracy,
        test_mean_accuracy=test_mean_accuracy,
        seconds=sums.seconds,
        images_per_s=sums.images / max(sums.seconds, 1e-9),
        data_wait=sums.data_wait_s / max(sums.seconds, 1e-9),
        memory_gib=state.peak_bytes["step"] / 2**30,
        best=best,
        loss_attention=sums.mean_term("attention"),
        attention_own=sums.mean_term("attention_own"),
        attention_images=sums.mean_term("attention_images"),
        attention_spread=sums.mean_term("attention_spread"),
        attention_same_label=sums.mean_term("attention_same_label"),
        attention_same_label_chance=sums.mean_term("attention_same_label_chance"),
        attention_wrong_label=sums.mean_term("attention_wrong_label"),
        attention_wrong_label_chance=sums.mean_term("attention_wrong_label_chance"),
        wrong_labels=sums.mean_term("wrong_labels"),
        vit_on_wrong=sums.share_of("wrong_vit_true", "wrong_labels"),
        cba_on_wrong=sums.share_of("wrong_cba_true", "wrong_labels"),
    )
