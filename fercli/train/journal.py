"""The logs of a run: metrics.csv always, TensorBoard's events where asked for, a picture of the curves at the end."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fercli.errors import UsageError
from fercli.evaluate.plots import plot_curves
from fercli.progress import EpochReport, StepProgress
from fercli.system.files import replacing
from fercli.weights.run_folder import RunFolder, write_metrics


class Journal:
    """Writes what happens; `step0` is the last step that a resumed run had finished, after which earlier events are dropped."""

    def __init__(self, folder: RunFolder, *, tensorboard: bool, step0: int) -> None:
        self.folder = folder
        self._board = _tensorboard(folder, step0) if tensorboard else None

    def step(self, event: StepProgress, lr: float) -> None:
        """Log one step, by its number from the start of the run."""
        if self._board is not None:
            number = (event.epoch - 1) * event.steps + event.step
            self._add("step", {"loss": event.loss, "lr": lr, "images_per_s": event.images_per_s}, number)

    def epoch(self, row: EpochReport, rows: Sequence[Mapping[str, Any]]) -> None:
        """Log one epoch and write all rows so far."""
        write_metrics(self.folder.metrics, rows)
        if self._board is not None:
            self._add("epoch", {**rows[-1]}, row.epoch)
            self._board.flush()

    def close(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write all rows, of which a process killed after its last checkpoint left one out; draw the curves, end the events."""
        write_metrics(self.folder.metrics, rows)
        with replacing(self.folder.curves) as temporary:
            plot_curves(temporary, rows, title=self.folder.path.resolve().name)
        if self._board is not None:
            self._board.close()

    def _add(self, group: str, values: Mapping[str, Any], number: int) -> None:
        for name, value in values.items():
            if self._board is not None and isinstance(value, int | float) and math.isfinite(value):
                self._board.add_scalar(f"{group}/{name}", value, number)


def check_tensorboard() -> None:
    """UsageError where TensorBoard's events are asked for and cannot be written."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError(
            "--tensorboard needs the tensorboard package, which is not installed",
            fix="pip install 'fercli[tensorboard]', or pip install tensorboard",
        )


def _tensorboard(folder: RunFolder, step0: int) -> Any:
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder.events), purge_step=step0 + 1)  # it drops this step and later ones
