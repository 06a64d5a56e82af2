"""The log files of a run: metrics.csv, TensorBoard events on request, and the curves at the end."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from fercli.errors import UsageError
from fercli.evaluate.plots import FIGURE_SUFFIXES, plot_curves
from fercli.progress import EpochReport, StepProgress
from fercli.system.files import replacing
from fercli.system.packages import install_command
from fercli.weights.run_folder import RunFolder, write_metrics


class EventWriter(Protocol):
    """What RunLog needs of torch.utils.tensorboard.SummaryWriter."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int, /) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class RunLog:
    """Writes the steps and epochs of a run to its log files."""

    def __init__(self, folder: RunFolder, events: EventWriter | None = None) -> None:
        self.folder = folder
        self.events = events

    def step(self, event: StepProgress, lr: float) -> None:
        """Log one step, by its number from the start of the run."""
        number = (event.epoch - 1) * event.steps + event.step
        self._add_scalars("step", {"loss": event.loss, "lr": lr, "images_per_s": event.images_per_s}, number)

    def epoch(self, report: EpochReport, rows: Sequence[Mapping[str, Any]]) -> None:
        """Log one epoch and write the rows of all epochs so far."""
        write_metrics(self.folder.metrics, rows)
        self._add_scalars("epoch", rows[-1], report.epoch)
        if self.events is not None:
            self.events.flush()

    def close(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write all rows again, since a process killed after its last checkpoint did not write the last one; draw the curves."""
        write_metrics(self.folder.metrics, rows)
        for suffix in FIGURE_SUFFIXES:
            with replacing(self.folder.curves.with_suffix(suffix)) as temporary:
                plot_curves(temporary, rows, title=self.folder.path.resolve().name)
        if self.events is not None:
            self.events.close()

    def _add_scalars(self, group: str, values: Mapping[str, Any], number: int) -> None:
        if self.events is None:
            return
        for name, value in values.items():
            if isinstance(value, int | float) and math.isfinite(value):
                self.events.add_scalar(f"{group}/{name}", value, number)


def check_tensorboard() -> None:
    """Raise UsageError if the tensorboard package is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError(
            "--tensorboard needs the tensorboard package, which is not installed",
            fix=install_command("tensorboard"),
        )


def open_event_writer(folder: RunFolder, *, finished_steps: int) -> EventWriter:
    """TensorBoard's writer for a run of which that many steps are done; events of later steps are dropped.

    Raises: UsageError without the tensorboard package.
    """
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    writer: EventWriter = SummaryWriter(str(folder.events), purge_step=finished_steps + 1)
    return writer
