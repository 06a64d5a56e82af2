"""Codings on one time base: units of time, time without a label, and which events both could have coded."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from fercli.coding.annotations import Annotation, Span
from fercli.coding.event_matching import Event
from fercli.coding.recordings import UNCERTAIN

MIN_GAP_S = 0.3  # a shorter time without a label is not an event
_COVERED = 0.5  # share of an event that the other coder must have coded
LabelOf = Callable[[str], str]


def unit_times(end_s: float, spans: Sequence[Span] | None, step_s: float) -> NDArray[np.float64]:
    """Return the middles [T] of the steps of time up to the end, or of those in the parts that were to be coded."""
    times: NDArray[np.float64] = (np.arange(int(np.ceil(end_s / step_s - 1e-9)), dtype=float) + 0.5) * step_s
    if spans is None:
        return times
    inside = np.zeros(len(times), bool)
    for begin_s, until_s in spans:
        inside |= (times >= begin_s) & (times < until_s)
    return times[inside]


def units(
    items: Sequence[Annotation], times_s: NDArray[np.float64], classes: Sequence[str], label_of: LabelOf
) -> NDArray[np.int64]:
    """Return the index of the class at every time [T]; -1: nothing or an unknown label, -2: uncertain.

    Of overlapping annotations the one that begins last counts.
    """
    index = {name: number for number, name in enumerate(classes)} | {UNCERTAIN: -2}
    labels = np.full(len(times_s), -1)
    for item in sorted(items, key=lambda item: item.onset_s):
        number = index.get(label_of(item.label))
        if number is not None:
            first, after = np.searchsorted(times_s, [item.onset_s, item.offset_s])
            labels[first:after] = number
    return labels


def with_gaps(
    items: Sequence[Annotation], spans: Sequence[Span], label: str, *, min_gap_s: float = 0.0
) -> tuple[Annotation, ...]:
    """Return annotations with one of a label for every part of the spans that has none."""
    gaps = [
        Annotation(label, begin_s, end_s)
        for begin_s, end_s in _free(items, spans)
        if end_s - begin_s > max(min_gap_s, 1e-9)
    ]
    return tuple(sorted((*items, *gaps), key=lambda item: item.onset_s))


def _free(items: Sequence[Annotation], spans: Sequence[Span]) -> Iterator[Span]:
    """Yield the parts of spans without an annotation."""
    ordered = sorted(items, key=lambda item: item.onset_s)
    for begin_s, end_s in spans:
        at_s = begin_s
        for item in ordered:
            if item.offset_s <= at_s or item.onset_s >= end_s:
                continue
            if item.onset_s > at_s:
                yield at_s, item.onset_s
            at_s = max(at_s, item.offset_s)
        if at_s < end_s:
            yield at_s, end_s


def overlap_s(items: Sequence[Annotation], classes: Sequence[str], label_of: LabelOf) -> float:
    """Return for how long two annotations with different known labels hold at the same time."""
    total_s = 0.0
    ordered = sorted(_known(items, classes, label_of), key=lambda item: item.onset_s)
    for index, item in enumerate(ordered):
        for later in ordered[index + 1 :]:
            if later.onset_s >= item.offset_s:
                break
            if label_of(later.label) != label_of(item.label):
                total_s += min(item.offset_s, later.offset_s) - later.onset_s
    return total_s


def known_events(
    items: Sequence[Annotation],
    classes: Sequence[str],
    label_of: LabelOf,
    *,
    spans: Sequence[Span] | None,
    other: Sequence[Annotation],
) -> list[Event]:
    """Return the events of known expressions that the other coder could have coded, with the names of the classes.

    They are cut at the ends of the parts that were to be coded, as a coder sees nothing else. At least half of their time has
    a known label in the other coding: whatever it is, `uncertain` for a program. Those of one label that overlap are one event.
    other: the annotations of the other coder.
    """
    found = []
    ordered = sorted(_known(other, classes, label_of), key=lambda item: item.onset_s)
    onsets_s = [item.onset_s for item in ordered]
    ends_s = list(accumulate((item.offset_s for item in ordered), max))  # of all so far
    for item in _without_overlaps(items, label_of):
        label = label_of(item.label)
        if label not in classes:
            continue
        for begin_s, end_s in [(item.onset_s, item.offset_s)] if spans is None else _joined(spans):
            onset_s, offset_s = max(item.onset_s, begin_s), min(item.offset_s, end_s)
            near = ordered[bisect_right(ends_s, onset_s) : bisect_left(onsets_s, offset_s)]
            free_s = sum(end - begin for begin, end in _free(near, [(onset_s, offset_s)]))
            if offset_s > onset_s and free_s <= (1 - _COVERED) * (offset_s - onset_s) + 1e-9:
                found.append(Event(label, onset_s, offset_s, onset_s > item.onset_s, offset_s < item.offset_s))
    return found


def _known(items: Sequence[Annotation], classes: Sequence[str], label_of: LabelOf) -> list[Annotation]:
    """Return the annotations with a class or `uncertain`: others are about something else, such as gaze, in the same time."""
    return [item for item in items if label_of(item.label) in (*classes, UNCERTAIN)]


def _without_overlaps(items: Sequence[Annotation], label_of: LabelOf) -> list[Annotation]:
    """Return annotations in order of onset; those of one label that overlap, such as copies, as one."""
    joined: list[Annotation] = []
    last: dict[str, int] = {}  # by label, index of the last one
    for item in sorted(items, key=lambda item: item.onset_s):
        label = label_of(item.label)
        before = joined[last[label]] if label in last else None
        if before is not None and item.onset_s < before.offset_s - 1e-9:
            joined[last[label]] = replace(before, offset_s=max(before.offset_s, item.offset_s))
        else:
            last[label] = len(joined)
            joined.append(item)
    return joined


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Return spans in order, those that touch as one."""
    joined: list[Span] = []
    for begin_s, end_s in sorted(spans):
        if joined and begin_s <= joined[-1][1] + 1e-9:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_s))
        else:
            joined.append((begin_s, end_s))
    return joined
