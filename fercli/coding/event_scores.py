"""Precision, recall and F1 of events, with intervals that resample the same people or blocks of time as those of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercli.coding import agreement
from fercli.coding.agreement import Counts, Estimate
from fercli.coding.event_matching import Event, Pair, mean_errors_s

ALL = "all"
_CODED, _READ, _MATCHED = range(3)


@dataclass(frozen=True)
class EventScore:
    """Events of one expression, or of ALL. onset_error_s, offset_error_s: mean distance of matched ones; None without any."""

    name: str
    coded: int
    read: int
    matched: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    onset_error_s: float | None
    offset_error_s: float | None


@dataclass(frozen=True)
class PersonEvents:
    """The events of a person of a video in two codings, and those that are the same. key: of the person in all videos."""

    key: str
    coded: Sequence[Event]
    read: Sequence[Event]
    pairs: Sequence[Pair]


def event_scores(
    people: Sequence[PersonEvents], classes: Sequence[str], *, block_s: float | None, min_blocks: int, seed: int
) -> tuple[EventScore, ...]:
    """Return the scores of the classes, and of all events together.

    block_s: length of the blocks of time that are resampled; None: people are. min_blocks: with fewer there are no intervals.
    """
    blocks = _blocks(people, classes, block_s)  # [B, N + 1, 3]
    counts = blocks.sum(axis=0)
    resampled = agreement.resampled(blocks, seed=seed)
    if len(blocks) < min_blocks:
        resampled = np.zeros_like(resampled)  # no statistic is defined, so that there is no interval
    values, samples = _statistics(counts), _statistics(resampled)
    scores = []
    for index, name in enumerate((*classes, ALL)):
        pairs = [pair for person in people for pair in person.pairs if name in (ALL, pair[0].label)]
        coded, read, matched = (int(counts[index, kind]) for kind in (_CODED, _READ, _MATCHED))
        precision, recall, f1 = (
            agreement.estimate(value[index], drawn[:, index]) for value, drawn in zip(values, samples, strict=True)
        )
        onset_error_s, offset_error_s = mean_errors_s(pairs)
        scores.append(EventScore(name, coded, read, matched, precision, recall, f1, onset_error_s, offset_error_s))
    return tuple(scores)


def _blocks(people: Sequence[PersonEvents], classes: Sequence[str], block_s: float | None) -> NDArray[np.float64]:
    """Return the numbers of coded, read and matched events [B, N + 1, 3], by person, or by block of time of a person."""
    blocks: dict[tuple[str, int], NDArray[np.float64]] = {}
    for number, person in enumerate(people):
        for kind, items in (
            (_CODED, person.coded),
            (_READ, person.read),
            (_MATCHED, [coded for coded, _ in person.pairs]),
        ):
            for item in items:
                key = (person.key, 0) if block_s is None else (str(number), int(item.onset_s // block_s))
                block = blocks.setdefault(key, np.zeros((len(classes) + 1, 3)))
                block[classes.index(item.label), kind] += 1
                block[-1, kind] += 1
    return np.stack(list(blocks.values())) if blocks else np.zeros((1, len(classes) + 1, 3))


def _statistics(counts: Counts) -> tuple[Counts, Counts, Counts]:
    """Return precision, recall and F1 [...] of numbers of events [..., 3]."""
    coded, read, matched = (counts[..., kind] for kind in (_CODED, _READ, _MATCHED))
    return (
        agreement.ratio(matched, read),
        agreement.ratio(matched, coded),
        agreement.ratio(2 * matched, coded + read),
    )
