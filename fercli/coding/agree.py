"""Agreement of a hand coding with the predictions, or of several codings: on a time base, and event by event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fercli.coding import agreement
from fercli.coding.agreement import ClassScore, Counts, Estimate
from fercli.coding.agreement_hints import half_coded, late_clocks, unusual
from fercli.coding.coders import Coder
from fercli.coding.event_matching import match_events
from fercli.coding.event_scores import EventScore, PersonEvents, event_scores
from fercli.coding.label_names import classes_of
from fercli.coding.pairing import PairingOptions, SamePerson, same_people
from fercli.coding.recordings import UNCERTAIN
from fercli.coding.time_base import MIN_GAP_S, known_events, unit_times, units, with_gaps
from fercli.errors import DataError, UsageError
from fercli.formatting import pluralize

NOT_CODED, NOT_SEEN = "not coded", "not in view"
MIN_BLOCKS = 6  # with fewer people, blocks of time are resampled
MIN_RESAMPLED = 4  # blocks; there is no interval with fewer
BLOCK_S = 10.0
TOLERANCE_S = 0.5


@dataclass(frozen=True)
class PairAgreement:
    """Two coders. coded, read: their names; precision and recall are those of `read`.

    confusion: units [N + 2, N + 2]; rows are the classes, uncertain and not coded of `coded`, columns the same of `read`.
    compared: units in which both have a class. blocks: what the intervals resample. events: by class, then of all together.
    """

    coded: str
    read: str
    confusion: NDArray[np.int64]
    compared: int
    agreement: Estimate
    kappa: Estimate
    alpha: Estimate
    classes: tuple[ClassScore, ...]
    blocks: str
    events: tuple[EventScore, ...]


@dataclass(frozen=True)
class Agreement:
    """All pairs of coders, and Krippendorff's alpha of all of them and of the people among them; None if there are just two.

    settings: of the comparison, and by name those of programs among the coders.
    """

    classes: tuple[str, ...]
    step_s: float
    tolerance_s: float
    videos: int
    people: int
    pairs: tuple[PairAgreement, ...]
    alpha_of_all: float | None
    alpha_of_people: float | None
    warnings: tuple[str, ...]
    settings: Mapping[str, str | Mapping[str, str]]


def agree(
    coders: Sequence[Coder], options: PairingOptions, *, tolerance_s: float = TOLERANCE_S, seed: int = 0
) -> Agreement:
    """Compare codings. With two, the first is the reference; of several, all pairs are compared.

    Uncertain predictions count as missing: they are in the confusion matrix, not in the scores.
    Raises: DataError if no video and person is common to the coders, or a coding has no known label.
    """
    warnings: list[str] = []
    _check_names(coders, options)
    warnings += [
        f"{coder.name}: {text}"
        for coder in coders
        for coding in coder.videos.values()
        for text in coding.frames.warnings
    ]
    people = same_people(coders, options, warnings)
    if not people:
        raise _nothing_in_common(coders)
    classes = classes_of(coders, people, options, warnings)
    if options.gaps is not None:
        warnings += half_coded(coders, people)
        people = [_filled(person, coders, classes, options) for person in people]
    labels = [_labels(person, classes, options) for person in people]  # one [coders, T] per person
    compared = [person for person, found in zip(people, labels, strict=True) if ((found >= 0).sum(axis=0) > 1).any()]
    if not compared:
        raise _nothing_in_common(coders)
    compare = _Comparison(tuple(coders), tuple(people), tuple(labels), classes, options, tolerance_s, seed)
    pairs = [compare.pair(one, two) for one, two in combinations(range(len(coders)), 2)]
    warnings += [
        *unusual(coders, people, labels, classes, options),
        *late_clocks(coders, people, labels, classes, options),
    ]
    ratings = np.maximum(np.concatenate(labels, axis=1), -1)
    hands = [index for index, coder in enumerate(coders) if coder.classes is None]
    several = len(coders) > 2
    return Agreement(
        classes,
        options.step_s,
        tolerance_s,
        len({person.video for person in compared}),
        len(compared),
        tuple(pairs),
        _known(agreement.krippendorffs_alpha(ratings, len(classes))) if several else None,
        _known(agreement.krippendorffs_alpha(ratings[hands], len(classes))) if several and len(hands) > 1 else None,
        tuple(warnings),
        {
            **options.as_settings(),
            "tolerance of onsets": f"{tolerance_s:g} s",
            "seed of the bootstrap": str(seed),
            **{coder.name: coder.settings for coder in coders if coder.settings},
        },
    )


def _check_names(coders: Sequence[Coder], options: PairingOptions) -> None:
    """Raise UsageError for a shift of nobody."""
    names = [coder.name for coder in coders]
    for name in options.shifts_s:
        if name not in names:
            raise UsageError(f"--shift {name}=...: no coding has this name", fix=f"names: {', '.join(names)}")


def _nothing_in_common(coders: Sequence[Coder]) -> DataError:
    """Return the error for codings without anything to compare."""
    for coder in coders:
        if not any(any(video.events.tiers.values()) for video in coder.videos.values()):
            return DataError(f"{coder.name} has no coded event", fix="code the videos first, and save the file")
    videos = "; ".join(f"{coder.name}: {', '.join(list(coder.videos)[:3]) or 'none'}" for coder in coders)
    return DataError(
        f"at no time do two codings have an expression of one person (videos of {videos})",
        fix="name files after their videos, or give tables a column video; names of people must be the same, too",
    )


def _filled(person: SamePerson, coders: Sequence[Coder], classes: Sequence[str], options: PairingOptions) -> SamePerson:
    """Return a person with time without a known label as --gaps, in codings by people that have the person."""
    label = options.label(options.gaps or "")
    spans = person.spans or ((0.0, person.end_s),)
    frames, events = list(person.frames), list(person.events)
    for index, coder in enumerate(coders):
        if coder.classes is None and frames[index] and label in classes:
            known = [item for item in frames[index] if options.label(item.label) in (*classes, UNCERTAIN)]
            frames[index] = with_gaps(known, spans, label)
            events[index] = with_gaps(known, spans, label, min_gap_s=MIN_GAP_S)
    return replace(person, frames=tuple(frames), events=tuple(events))


def _labels(person: SamePerson, classes: Sequence[str], options: PairingOptions) -> NDArray[np.int64]:
    """Return the classes [coders, T] of one person."""
    times = unit_times(person.end_s, person.spans, options.step_s)
    return np.stack([units(items, times, classes, options.label) for items in person.frames])


@dataclass(frozen=True)
class _Comparison:
    """What is compared: people, and their classes [coders, T] on the time base."""

    coders: tuple[Coder, ...]
    people: tuple[SamePerson, ...]
    labels: tuple[NDArray[np.int64], ...]
    classes: tuple[str, ...]
    options: PairingOptions
    tolerance_s: float
    seed: int

    def pair(self, one: int, two: int) -> PairAgreement:
        """Compare two coders by their indices."""
        count = len(self.classes)
        both = [found[[one, two]] for found in self.labels]
        blocks, described, by_people = _blocks(self.people, both, count, self.options.step_s)
        counts = blocks.sum(axis=0)
        sampled = agreement.resampled(blocks, seed=self.seed)
        if len(blocks) < MIN_RESAMPLED:
            sampled = np.zeros_like(sampled)  # no statistic is defined, so that there is no interval
            described += ": too few for intervals"
        precisions, recalls = ((function(counts), function(sampled)) for function in _BY_CLASS)
        share, kappa, alpha = (agreement.estimate(function(counts), function(sampled)) for function in _OVERALL)
        by_class = tuple(
            ClassScore(
                name,
                int(counts[index].sum()),
                int(counts[:, index].sum()),
                agreement.estimate(precisions[0][index], precisions[1][:, index]),
                agreement.estimate(recalls[0][index], recalls[1][:, index]),
            )
            for index, name in enumerate(self.classes)
        )
        return PairAgreement(
            self.coders[one].name,
            self.coders[two].name,
            np.sum([_table(pair, count) for pair in both], axis=0),
            int(counts.sum()),
            share,
            kappa,
            alpha,
            by_class,
            described,
            self._events(one, two, None if by_people else BLOCK_S),
        )

    def _events(self, one: int, two: int, block_s: float | None) -> tuple[EventScore, ...]:
        people = []
        for person in self.people:
            coded, read = (
                known_events(
                    person.events[at], self.classes, self.options.label, spans=person.spans, other=person.frames[other]
                )
                for at, other in ((one, two), (two, one))
            )
            people.append(PersonEvents(_key(person), coded, read, match_events(coded, read, self.tolerance_s)))
        return event_scores(people, self.classes, block_s=block_s, min_blocks=MIN_RESAMPLED, seed=self.seed)


_OVERALL = (agreement.percent_agreement, agreement.cohens_kappa, agreement.pair_alpha)
_BY_CLASS = (agreement.precision, agreement.recall)


def _table(pair: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return units [N + 2, N + 2] by the classes [2, T] of both; those that neither has are left out."""
    one, two = np.where(pair == -2, count, np.where(pair == -1, count + 1, pair))
    table = np.bincount(one * (count + 2) + two, minlength=(count + 2) ** 2).reshape(count + 2, count + 2)
    table[-1, -1] = 0
    return table


def _blocks(
    people: Sequence[SamePerson], pairs: Sequence[NDArray[np.int64]], count: int, step_s: float
) -> tuple[Counts, str, bool]:
    """Return counts [B, N, N] of the units that both coded, a description of the blocks, and whether they are people.

    With few people they are blocks of time.
    """
    by_person: dict[str, NDArray[np.int64]] = {}
    for person, pair in zip(people, pairs, strict=True):
        by_person[_key(person)] = by_person.get(_key(person), 0) + _table(pair, count)[:count, :count]
    used = [counts for counts in by_person.values() if counts.sum()]
    if len(used) >= MIN_BLOCKS:
        return np.stack(used).astype(float), f"{len(used)} people", True
    length = round(BLOCK_S / step_s)
    parts = [pair[:, at : at + length] for pair in pairs for at in range(0, pair.shape[1], length)]
    tables = [_table(part, count)[:count, :count] for part in parts]
    used = [counts for counts in tables if counts.sum()] or [np.zeros((count, count), np.int64)]
    described = f"{pluralize(len(used), 'block')} of {BLOCK_S:g} s, as there are fewer than {MIN_BLOCKS} people"
    return np.stack(used).astype(float), described, False


def _key(person: SamePerson) -> str:
    """Return what is the same for one person: a name in all videos, a number in its video."""
    return f"{person.video}\n{person.person}" if person.name is None else person.name


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
