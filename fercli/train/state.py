"""Where a training run is: everything but the tensors, kept in its checkpoint as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Protocol = Literal["last", "val", "test_best"]


@dataclass
class Best:
    """The epoch that a selection protocol prefers so far, and its overall and mean class accuracy on the protocol's split."""

    epoch: int = 0
    accuracy: float = -1.0
    mean_accuracy: float = -1.0


@dataclass
class EpochSums:
    """What the epoch under way has added up; losses and terms are sums over images."""

    step: int = 0  # finished steps
    images: int = 0
    correct: float = 0.0
    loss: float = 0.0
    terms: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    waited: float = 0.0  # of these seconds, for pictures

    def add(self, loss: float, terms: Mapping[str, float], *, correct: float, images: int) -> None:
        """Take in one step."""
        self.step += 1
        self.images += images
        self.correct += correct
        self.loss += loss * images
        self.terms = {name: self.terms.get(name, 0.0) + term * images for name, term in terms.items()}


@dataclass
class State:
    """Finished epochs, the sums of the one under way, the best so far, one row per epoch, seconds and bytes by stage.

    schedules: how many epochs the run was to have, once more for every time that it was given another number.
    """

    epoch: int = 0
    sums: EpochSums = field(default_factory=EpochSums)
    best: dict[Protocol, Best] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)
    schedules: list[int] = field(default_factory=list)

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_plain(values: Mapping[str, Any]) -> State:
        """What `to_plain` gave."""
        best = {name: Best(**found) for name, found in values["best"].items()}
        return State(**{**values, "sums": EpochSums(**values["sums"]), "best": best})
