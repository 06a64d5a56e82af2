"""Reports of steps and epochs."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from fercli.config.training import TrainConfig
from fercli.progress import StepProgress, TrainEvent, TrainNote
from fercli.train.reporter import Reporter, epoch_report
from fercli.train.run_log import RunLog
from fercli.train.state import EpochSums, TrainingState
from fercli.weights.run_folder import RunFolder


def state_after_a_step() -> TrainingState:
    """In the third of five epochs: ten images of a first step, with loss 2 and seven correct."""
    sums = EpochSums()
    sums.add(2.0, {"vit": 0.5, "bt": 1.0}, correct=7, images=10)
    sums.seconds, sums.data_wait_s = 4.0, 1.0
    return TrainingState(epoch=2, sums=sums, seconds={"score": 6.0}, peak_bytes={"step": 2**31})


def test_step__estimates_the_time_left_from_steps_and_scoring(tmp_path: Path):
    events: list[TrainEvent] = []
    recipe = TrainConfig(epochs=5, batch_size=10)
    log = RunLog(RunFolder(tmp_path))
    Reporter(state_after_a_step(), recipe, log=log, writes=True, report=events.append).step(4, images_per_s=5.0, lr=0.1)
    [event] = events
    assert isinstance(event, StepProgress)
    assert (event.epoch, event.step, event.loss, event.accuracy) == (3, 1, 2.0, 0.7)
    # 3 steps of this epoch and 2 x 4 of the next, 2 s each; scoring took 3 s an epoch and comes 3 times
    assert event.seconds_left == pytest.approx(11 * 2 + 3 * 3)


def test_epoch_report__has_means_over_images_and_none_for_what_was_not_measured():
    report = epoch_report(state_after_a_step(), {"test": (0.5, 0.25)}, lr=0.1, val_loss=None, best=True)
    assert (report.epoch, report.loss_vit, report.loss_bt, report.loss_cba) == (3, 0.5, 1.0, None)
    assert (report.val_accuracy, report.test_accuracy, report.test_mean_accuracy) == (None, 0.5, 0.25)
    assert (report.images_per_s, report.data_wait, report.memory_gib) == (2.5, 0.25, 2.0)


def test_epoch_report__divides_true_predictions_by_the_wrong_labels_of_the_epoch():
    state = state_after_a_step()
    state.sums = EpochSums()
    for wrong, true, images in ((0.2, 0.1, 10), (0.5, 0.5, 4)):  # 2 wrong labels, 1 predicted truly; then 2 and 2
        state.sums.add(1.0, {"wrong_labels": wrong, "wrong_vit_true": true}, correct=0, images=images)
    report = epoch_report(state, {}, lr=0.1, val_loss=None, best=True)
    assert report.wrong_labels == pytest.approx(4 / 14)
    assert (report.vit_on_wrong, report.cba_on_wrong) == (pytest.approx(3 / 4), None)
    assert epoch_report(state_after_a_step(), {}, lr=0.1, val_loss=None, best=True).vit_on_wrong is None


def test_epoch__warns_once_while_attention_stays_collapsed(tmp_path: Path):
    events: list[TrainEvent] = []
    state = state_after_a_step()
    reporter = Reporter(state, TrainConfig(), log=RunLog(RunFolder(tmp_path)), writes=True, report=events.append)
    report = epoch_report(state, {}, lr=0.1, val_loss=None, best=True)
    state.rows.append(asdict(report))
    for own in (0.5, 0.95, 0.97, 0.3, 0.92):
        reporter.epoch(replace(report, attention_own=own, attention_spread=0.2))
    notes = [event.what for event in events if isinstance(event, TrainNote)]
    assert ["0.95" in notes[0], "0.92" in notes[1], len(notes)] == [True, True, 2]
    assert notes[0].startswith("epoch 3: class batch attention has collapsed onto the image itself")
