"""What `fer train` and `fer ablate` show: progress while training, tables of results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from fercli.formatting import duration, in_percent, mean_sd_percent, percent

if TYPE_CHECKING:
    from fercli.config.model import BtnConfig
    from fercli.config.training import TrainConfig
    from fercli.progress import EpochReport, TrainEvent
    from fercli.train.result import TrainResult
    from fercli.train.seeds import SeedsResult

DATA_WAIT_WARNING = 0.1  # share of the first epoch spent waiting for images above which a warning is shown


@contextmanager
def live_report(*, quiet: bool) -> Iterator[Callable[[TrainEvent], None]]:
    """A progress bar for the current epoch and a line per finished epoch, on stderr."""
    from fercli.cli import console
    from fercli.progress import StepProgress, TeacherProgress, TrainNote

    with console.progress("train", quiet=quiet) as bar:

        def report(event: TrainEvent) -> None:
            if isinstance(event, StepProgress):
                note = (
                    f"epoch {event.epoch}/{event.epochs}  loss {event.loss:.3f}  accuracy {percent(event.accuracy, 1)}  "
                    f"{event.images_per_s:.0f} images/s  {duration(event.seconds_left)} left"
                )
                bar(event.step, event.steps, note)
            elif isinstance(event, TeacherProgress):
                bar(event.done, event.total, f"teacher {event.teacher}")
            elif isinstance(event, TrainNote):
                console.warn(event.what)
            elif not quiet:
                console.say(epoch_line(event))
                if event.epoch == 1 and event.data_wait > DATA_WAIT_WARNING:
                    wait = percent(event.data_wait)
                    console.warn(f"{wait} of the time was spent waiting for images; --workers N uses more readers")

        yield report


def epoch_line(event: EpochReport) -> str:
    """A finished epoch in one line, with what was measured."""
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
        f"runs: {result.folder}\nnext: fer eval {result.runs[0].folder} DATA    fer report TABLE --run {result.folder}"
    )
