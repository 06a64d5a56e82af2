"""Progress callbacks and training events, so that stages report without knowing the terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# (done, total or None while it is unknown, a short note about the current item)
Progress = Callable[[int, int | None, str], None]


def silent(_done: int, _total: int | None, _note: str) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class StepProgress:
    """A training step was done. `epoch` counts from 1; images_per_s is the mean of this epoch so far in this process.

    seconds_left: estimate until the end of the last epoch; from the second epoch on it includes evaluation. device: in use.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_s: float
    seconds_left: float
    lr: float
    device: str


@dataclass(frozen=True)
class EpochReport:
    """An epoch was trained and evaluated. Accuracies and shares are 0..1; None means not measured.

    data_wait: share of the epoch's training time spent waiting for images. memory_gib: peak memory of training, on the GPU
    if there is one, else of the process. attention_..., ..._on_wrong: diagnostics of class batch attention and of predictions
    for images with a wrong label, see docs/train.md.
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
    loss_attention: float | None = None
    attention_own: float | None = None
    attention_images: float | None = None
    attention_spread: float | None = None
    attention_same_label: float | None = None
    attention_same_label_chance: float | None = None
    attention_wrong_label: float | None = None
    attention_wrong_label_chance: float | None = None
    wrong_labels: float | None = None
    vit_on_wrong: float | None = None
    cba_on_wrong: float | None = None


@dataclass(frozen=True)
class RunStart:
    """A run of several begins: of a seed, or of a row of a study. `number` counts from 1."""

    number: int
    runs: int
    name: str


@dataclass(frozen=True)
class TeacherProgress:
    """A teacher has computed predictions for `done` of this process's `total` training images."""

    teacher: str
    done: int
    total: int


@dataclass(frozen=True)
class TrainNote:
    """A remark about a training run, as one sentence."""

    what: str


TrainEvent = RunStart | StepProgress | EpochReport | TeacherProgress | TrainNote


def no_report(_event: TrainEvent) -> None:
    """Ignore a training event."""
