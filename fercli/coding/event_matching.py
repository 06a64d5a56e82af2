"""Which events of two codings are the same: one expression, with onsets that are at most a tolerance apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fercli.coding.annotations import Annotation

Pair = tuple[Annotation, Annotation]


@dataclass(frozen=True)
class EventScore:
    """Events of one expression. onset_error_s, offset_error_s: mean distance of matched ones; None without any."""

    name: str
    coded: int
    read: int
    matched: int
    onset_error_s: float | None
    offset_error_s: float | None

    @property
    def precision(self) -> float | None:
        return self.matched / self.read if self.read else None

    @property
    def recall(self) -> float | None:
        return self.matched / self.coded if self.coded else None

    @property
    def f1(self) -> float | None:
        total = self.coded + self.read
        return 2 * self.matched / total if total else None


def match_events(coded: Sequence[Annotation], read: Sequence[Annotation], tolerance_s: float) -> list[Pair]:
    """Return the largest set of pairs of equal label whose onsets are at most tolerance_s apart; each event is in one at most."""
    pairs: list[Pair] = []
    for label in dict.fromkeys(item.label for item in coded):
        own, others = (
            sorted((item for item in items if item.label == label), key=lambda item: item.onset_s)
            for items in (coded, read)
        )
        at = 0
        for item in own:  # the earliest partner in reach leaves the most to later events
            while at < len(others) and others[at].onset_s < item.onset_s - tolerance_s - 1e-9:
                at += 1
            if at < len(others) and others[at].onset_s <= item.onset_s + tolerance_s + 1e-9:
                pairs.append((item, others[at]))
                at += 1
    return pairs


def event_score(name: str, coded: int, read: int, pairs: Sequence[Pair]) -> EventScore:
    """Return the score of one expression from its matched pairs."""
    onset = [abs(a.onset_s - b.onset_s) for a, b in pairs]
    offset = [abs(a.offset_s - b.offset_s) for a, b in pairs]
    return EventScore(
        name,
        coded,
        read,
        len(pairs),
        sum(onset) / len(onset) if onset else None,
        sum(offset) / len(offset) if offset else None,
    )
