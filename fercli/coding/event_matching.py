"""Which events of two codings are the same: one expression, with onsets that are at most a tolerance apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """A label from onset to offset in seconds. cut_onset, cut_offset: it continues outside of the part that was to be coded."""

    label: str
    onset_s: float
    offset_s: float
    cut_onset: bool = False
    cut_offset: bool = False


Pair = tuple[Event, Event]


def match_events(coded: Sequence[Event], read: Sequence[Event], tolerance_s: float) -> list[Pair]:
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


def mean_errors_s(pairs: Sequence[Pair]) -> tuple[float | None, float | None]:
    """Return the mean distance of the onsets and of the offsets of matched events, without those that are cut; None without any."""
    onset = [abs(a.onset_s - b.onset_s) for a, b in pairs if not (a.cut_onset or b.cut_onset)]
    offset = [abs(a.offset_s - b.offset_s) for a, b in pairs if not (a.cut_offset or b.cut_offset)]
    return sum(onset) / len(onset) if onset else None, sum(offset) / len(offset) if offset else None
