"""How a step tells what it is at: plain callables and events, so that steps know no terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# (done, total or None while the end is unknown, a short note about the item at hand)
Progress = Callable[[int, int | None, str], None]


def silent(_done: int, _total: int | None, _note: str) -> None:
    """Take progress and tell nobody."""


@dataclass(frozen=True)
class StepProgress:
    """A step was done. `epoch` counts from 1; images_per_s is over this epoch so far in this process.

    seconds_left: at this pace to the end of the last epoch, with the scoring after each from the second epoch on.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_s: float
    seconds_left: float


@dataclass(frozen=True)
class EpochReport:
    """An epoch was done and scored. Accuracies and shares are 0..1; what was not measured is None.

    data_wait: share of the epoch's training time in which the step waited for pictures. memory_gib: the most that training held,
    of the GPU's memory or else of the process's.
    """

    epoch: int
    lr: float
    loss: float
    loss_vit: float
    loss_bt: float | None
    loss_cba: float | None
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    val_mean_accuracy: float | None
    test_accuracy: float | None
    test_mean_accuracy: float | None
    seconds: float
    images_per_s: float
    data_wait: float
    memory_gib: float
    best: bool


@dataclass(frozen=True)
class TeacherProgress:
    """A teacher has answered on `done` of `total` training images, of this process's."""

    teacher: str
    done: int
    total: int


@dataclass(frozen=True)
class TrainNote:
    """Something about a run that its reader should know, in a sentence."""

    what: str


TrainEvent = StepProgress | EpochReport | TeacherProgress | TrainNote


def no_report(_event: TrainEvent) -> None:
    """Take an event of a training run and show it to no one."""
