"""What `fer train` and `fer ablate` show: progress while training, tables of results."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from fercli.cli.progress_line import Part, named, progress_line
from fercli.formatting import clock, duration, in_percent, mean_sd_percent, percent
from fercli.progress import RunStart, StepProgress, TeacherProgress, TrainNote

if TYPE_CHECKING:
    from fercli.config.model import BtnConfig
    from fercli.config.training import TrainConfig
    from fercli.progress import EpochReport, TrainEvent
    from fercli.train.result import TrainResult
    from fercli.train.seeds import SeedsResult

DATA_WAIT_WARNING = 0.1  # share of the first epoch spent waiting for images above which a warning is shown


class TrainBar:
    """The state of training as one line: all runs, epochs and steps in one bar, with one time left."""

    def __init__(self) -> None:
        self.run = RunStart(1, 1, "")
        self.step: StepProgress | None = None
        self.teacher: TeacherProgress | None = None
        self.started_s = time.monotonic()

    def update(self, event: RunStart | StepProgress | TeacherProgress) -> None:
        """Take over an event."""
        if isinstance(event, RunStart):
            self.run, self.step, self.teacher, self.started_s = event, None, None, time.monotonic()
        elif isinstance(event, StepProgress):
            self.step, self.teacher = event, None
        else:
            self.teacher = event

    @property
    def fraction(self) -> float:
        """How much of all runs is done, 0..1."""
        step = self.step
        of_run = 0.0 if step is None else (step.epoch - 1 + step.step / step.steps) / step.epochs
        return (self.run.number - 1 + of_run) / self.run.runs

    def seconds_left(self) -> float | None:
        """Until the end of the last run, if the others take as long as this one; None before the first step."""
        if self.step is None:
            return None
        whole = time.monotonic() - self.started_s + self.step.seconds_left
        return self.step.seconds_left + (self.run.runs - self.run.number) * whole

    def line(self, width: int, ascii_only: bool = False) -> str:
        """Return the line for a terminal of this width."""
        run, step, left = self.run, self.step, self.seconds_left()
        before, after = [], []
        if run.runs > 1:
            count = f"{run.number}/{run.runs}"
            before.append(Part((*named(f"{run.name} ({count})", 6).texts, f"run {count}"), 6))
        if self.teacher is not None:
            teacher = self.teacher
            before.append(named(f"teacher {teacher.teacher}", 5))
            after.append(Part((f"{teacher.done:,}/{teacher.total:,}",), 8))
        elif step is not None:
            before.append(Part((f"epoch {step.epoch}/{step.epochs}", f"{step.epoch}/{step.epochs}"), 9))
        else:
            before.append(Part(("starting",), 9))
        after.append(Part((f"{100 * self.fraction:.0f} %",), 10))
        if left is not None:
            after.append(Part((f"{duration(left)} left", f"{clock(left, decimals=0)} left"), 10))
        if step is not None and self.teacher is None:
            after += [
                Part((f"loss {step.loss:.3f}", f"loss {step.loss:.2f}", ""), 7),
                Part((f"{step.images_per_s:.0f} images/s", f"{step.images_per_s:.0f}/s", ""), 5),
                Part((f"lr {step.lr:.3g}", f"lr {step.lr:.1e}", ""), 4),
                Part((f"accuracy {percent(step.accuracy, 1)}", ""), 2),
                Part((step.device, ""), 3),
            ]
        return progress_line(before, self.fraction, after, width, ascii_only=ascii_only)


@contextmanager
def live_report(*, quiet: bool) -> Iterator[Callable[[TrainEvent], None]]:
    """One progress line over all epochs, seeds and rows, and a line per finished epoch, on stderr."""
    from fercli.cli import console

    bar = TrainBar()

    def report(event: TrainEvent) -> None:
        if isinstance(event, RunStart | StepProgress | TeacherProgress):
            bar.update(event)
            if isinstance(event, RunStart) and event.runs > 1 and not quiet:
                console.say(f"{event.name} ({event.number} of {event.runs})")
        elif isinstance(event, TrainNote):
            console.warn(event.what)
        elif not quiet:
            console.say(epoch_line(event))
            if event.epoch == 1 and event.data_wait > DATA_WAIT_WARNING:
                wait = percent(event.data_wait)
                console.warn(f"{wait} of the time was spent waiting for images; --workers N uses more readers")

    if quiet or not sys.stderr.isatty():
        yield report
        return
    with console.live_line(bar.line):
        yield report


def epoch_line(event: EpochReport) -> str:
    """Return a finished epoch in one line, with what was measured."""
    parts = [f"epoch {event.epoch}: loss {event.loss:.3f}", f"train {percent(event.train_accuracy, 1)}"]
    for split, accuracy, mean_accuracy in (
        ("validation", event.val_accuracy, event.val_mean_accuracy),
        ("test", event.test_accuracy, event.test_mean_accuracy),
    ):
        if accuracy is not None and mean_accuracy is not None:
            parts.append(f"{split} {percent(accuracy, 2)} (mean class {percent(mean_accuracy, 2)})")
    parts.append(f"{event.images_per_s:.0f} images/s, {duration(event.seconds)}")
    return ", ".join(parts) + (", best so far" if event.best else "")


def show_settings(model: BtnConfig, recipe: TrainConfig, *, json: bool = False) -> None:
    """Print every setting with its value, its range, what it means and where it comes from."""
    from fercli.cli import console
    from fercli.config.settings import list_settings, value_text

    for info, value in list_settings(model, recipe):
        if json:
            console.json_line({**asdict(info), "value": value})
        else:
            about = ", ".join(part for part in (info.summary, info.range) if part)
            console.show(f"{info.name}={value_text(value)}\n    {about} [{info.source}]")


def show_result(result: TrainResult) -> None:
    """Print the scores of every selection protocol, how it selected, and time and memory by stage."""
    from fercli.cli import console

    rows = [
        (
            selected.protocol,
            selected.epoch,
            score.split,
            score.images,
            in_percent(score.accuracy),
            in_percent(score.mean_accuracy),
            in_percent(score.calibration_error),
        )
        for selected in result.protocols
        for score in selected.scores
    ]
    columns = ("selection", "epoch", "split", "images", "accuracy (%)", "mean class (%)", "calibration error (%)")
    console.show(console.table(None, columns, rows))
    selections = "\n".join(f"{selected.protocol}: {selected.selected_by}" for selected in result.protocols)
    stages = ", ".join(
        f"{stage} {duration(seconds)} ({result.peak_gib[stage]:.1f} GiB)" for stage, seconds in result.seconds.items()
    )
    console.show(f"{selections}\ntime and memory: {stages}")
    for warning in result.warnings:
        console.warn(warning)
    console.show(
        f"weights: {result.weights}\nnext: fer eval {result.folder} DATA    fer export --onnx --weights {result.folder}"
    )


def show_seeds(result: SeedsResult) -> None:
    """Print mean and standard deviation over the seeds of every protocol's scores."""
    from fercli.cli import console

    rows = [
        (
            scores.protocol,
            scores.split,
            scores.images,
            mean_sd_percent(scores.accuracy.mean, scores.accuracy.sd),
            mean_sd_percent(scores.mean_accuracy.mean, scores.mean_accuracy.sd),
            " ".join(in_percent(accuracy) for accuracy in scores.accuracies),
        )
        for scores in result.scores
    ]
    columns = ("selection", "split", "images", "accuracy (%)", "mean class (%)", "accuracy by seed (%)")
    seeds = ", ".join(str(run.seed) for run in result.runs)
    console.show(console.table(f"seeds {seeds}: mean ± standard deviation", columns, rows))
    for run in result.runs:
        for warning in run.warnings:
            console.warn(f"seed {run.seed}, {warning}")
    console.show(
        f"runs: {result.folder}\nnext: fer eval {result.folder} DATA    fer report TABLE --run {result.folder}"
    )
