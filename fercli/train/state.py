"""The state of a training run besides its tensors, which its checkpoint keeps as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

SelectionProtocol = Literal["last", "val", "test_best"]


@dataclass
class BestEpoch:
    """The epoch that a selection protocol prefers so far, with overall and mean class accuracy on the protocol's split."""

    epoch: int = 0
    accuracy: float = -1.0
    mean_accuracy: float = -1.0


@dataclass
class EpochSums:
    """Sums over the finished steps of the current epoch; loss and terms are summed over images."""

    step: int = 0  # finished steps
    images: int = 0
    correct: float = 0.0
    loss: float = 0.0
    terms: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    data_wait_s: float = 0.0  # the part of `seconds` spent waiting for images

    def add(self, loss: float, terms: Mapping[str, float], *, correct: float, images: int) -> None:
        """Add one step: mean loss and terms of `images` images, of which `correct` were predicted correctly."""
        self.step += 1
        self.images += images
        self.correct += correct
        self.loss += loss * images
        self.terms = {name: self.terms.get(name, 0.0) + term * images for name, term in terms.items()}

    def mean_term(self, name: str) -> float | None:
        """Return a term's mean over the images; None if the loss does not have it."""
        return self.terms[name] / self.images if name in self.terms else None

    def share_of(self, name: str, whole: str) -> float | None:
        """A term divided by another one of which it is a part; None without them, or if the other one is 0."""
        return self.terms[name] / self.terms[whole] if name in self.terms and self.terms.get(whole) else None


@dataclass
class TrainingState:
    """Number of finished epochs, sums of the current one, best epochs, one row per epoch, seconds and bytes by stage.

    schedules: the number of epochs the run was started with, then each other number it was resumed with.
    """

    epoch: int = 0
    sums: EpochSums = field(default_factory=EpochSums)
    best: dict[SelectionProtocol, BestEpoch] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)
    schedules: list[int] = field(default_factory=list)

    def to_plain(self) -> dict[str, Any]:
        """Return the state as nested dictionaries."""
        return asdict(self)

    @staticmethod
    def from_plain(values: Mapping[str, Any]) -> TrainingState:
        """Return the state that `to_plain` returned."""
        best = {protocol: BestEpoch(**epoch) for protocol, epoch in values["best"].items()}
        return TrainingState(**{**values, "sums": EpochSums(**values["sums"]), "best": best})
