"""The log of a run: metrics.csv, the loggers on request, and the curves at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fercli.evaluate.plots import plot_curves
from fercli.media.figures import FIGURE_SUFFIXES
from fercli.progress import EpochReport, StepProgress
from fercli.system.files import replacing
from fercli.train.loggers import EventWriter
from fercli.weights.run_folder import RunFolder, write_metrics


class RunLog:
    """Writes the steps and epochs of a run to its log files and loggers."""

    def __init__(self, folder: RunFolder, writers: Sequence[EventWriter] = ()) -> None:
        self.folder = folder
        self.writers = writers

    def step(self, event: StepProgress, lr: float) -> None:
        """Log one step, by its number from the start of the run."""
        number = (event.epoch - 1) * event.steps + event.step
        self._add_scalars("step", {"loss": event.loss, "lr": lr, "images_per_s": event.images_per_s}, number)

    def epoch(self, report: EpochReport, rows: Sequence[Mapping[str, Any]]) -> None:
        """Log one epoch and write the rows of all epochs so far."""
        write_metrics(self.folder.metrics, rows)
        self._add_scalars("epoch", rows[-1], report.epoch)
        for writer in self.writers:
            writer.flush()

    def close(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write all rows again, since a process killed after its last checkpoint did not write the last one; draw the curves."""
        write_metrics(self.folder.metrics, rows)
        for suffix in FIGURE_SUFFIXES:
            with replacing(self.folder.curves.with_suffix(suffix)) as temporary:
                plot_curves(temporary, rows, title=self.folder.path.resolve().name)
        for writer in self.writers:
            writer.close()

    def _add_scalars(self, group: str, values: Mapping[str, Any], number: int) -> None:
        if not self.writers:
            return
        for name, value in values.items():
            if isinstance(value, int | float) and math.isfinite(value):
                for writer in self.writers:
                    writer.add_scalar(f"{group}/{name}", value, number)
