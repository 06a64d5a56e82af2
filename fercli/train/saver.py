"""Saving a run's state to its checkpoint, and restoring it."""

from __future__ import annotations

import time
from typing import Any

from fercli.errors import WeightsError
from fercli.train.components import Components
from fercli.train.optimisation_step import all_finite
from fercli.train.stage_meter import StageMeter
from fercli.train.state import TrainingState
from fercli.train.training_errors import explain_full_disk
from fercli.weights.checkpoint import load_checkpoint, save_checkpoint
from fercli.weights.run_folder import RunFolder

_QUICK_S = 0.5  # a save that takes less is made after every epoch
_SHARE = 0.05  # of the time that slower saves may take

CHECKPOINT_FORMAT = 2  # 1, without a number: fercli up to 0.2


class Saver:
    """Writes the checkpoint: inside an epoch every `interval_s` seconds, after an epoch unless that would take too long."""

    def __init__(
        self, components: Components, state: TrainingState, folder: RunFolder, *, meter: StageMeter, interval_s: float
    ) -> None:
        self.components, self.state, self.folder, self.meter = components, state, folder, meter
        self.interval_s, self._saved_at = interval_s, time.monotonic()
        self._save_s = 0.0  # duration of the last save

    def save_if_due(self) -> None:
        """Save inside an epoch, unless a weight is not finite: that shows in the next step's loss only."""
        due = time.monotonic() - self._saved_at >= self.interval_s
        if self.components.group.is_first and due and all_finite(self.components.model.state_dict().values()):
            self.save()

    def save_after_epoch(self, *, last: bool) -> None:
        """Save after the last epoch, and after others if saving takes a small share of the time, or is due.

        A run that is resumed from an earlier epoch makes the epochs after it again, with the same result.
        """
        elapsed_s = time.monotonic() - self._saved_at
        if last or self._save_s < _QUICK_S or elapsed_s >= min(self._save_s / _SHARE, self.interval_s):
            self.save()

    def save(self) -> None:
        """Write the checkpoint."""
        components, started = self.components, time.monotonic()
        with explain_full_disk(self.folder.path), self.meter.stage("save"):
            save_checkpoint(
                self.folder.checkpoint,
                {
                    "format": CHECKPOINT_FORMAT,
                    "model": components.model.state_dict(),
                    "optimizer": components.step.optimizer.state_dict(),
                    "ema": components.ema.state_dict() if components.ema is not None else None,
                    "scaler": components.step.scaler.state_dict() if components.step.scaler is not None else None,
                    "state": self.state.to_plain(),
                    "started_from": list(components.started_from),
                },
            )
        self._saved_at = time.monotonic()
        self._save_s = self._saved_at - started


def read_checkpoint(folder: RunFolder) -> dict[str, Any] | None:
    """Return what `Saver` wrote, None if it has not written yet; WeightsError for the checkpoint of an earlier version."""
    if not folder.checkpoint.is_file():
        return None
    saved = load_checkpoint(folder.checkpoint)
    if saved.get("format") != CHECKPOINT_FORMAT:
        raise WeightsError(
            f"{folder.checkpoint} was written by another version of fercli and cannot be resumed",
            fix=f"finish the run with that version, or start a new one with --init-from {folder.weights('last')}",
        )
    return saved


def restore_state(components: Components, saved: dict[str, Any]) -> TrainingState:
    """Load a checkpoint into the components and return the run's state."""
    components.model.load_state_dict(saved["model"])
    components.step.optimizer.load_state_dict(saved["optimizer"])
    if components.ema is not None:
        components.ema.load_state_dict(saved["ema"])
    if components.step.scaler is not None:
        components.step.scaler.load_state_dict(saved["scaler"])
    components.started_from = tuple(saved["started_from"])  # the files may have changed since
    state = TrainingState.from_plain(saved["state"])
    if state.schedules[-1:] != [components.recipe.epochs]:
        state.schedules.append(components.recipe.epochs)
    return state
