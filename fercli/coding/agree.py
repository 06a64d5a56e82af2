"""Agreement of a hand coding with the predictions, or of several codings: on a time base, and event by event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fercli.coding import agreement
from fercli.coding.agreement import ClassScore, Counts, Score
from fercli.coding.annotations import Annotation
from fercli.coding.coders import UNCERTAIN, Coder
from fercli.coding.event_matching import EventScore, Pair, event_score, match_events
from fercli.coding.pairing import PairingOptions, SamePerson, known_events, same_people, unit_times, units
from fercli.config.labels import PAPER_ORDER
from fercli.errors import DataError
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
    agreement: Score
    kappa: Score
    alpha: Score
    classes: tuple[ClassScore, ...]
    blocks: str
    events: tuple[EventScore, ...]


@dataclass(frozen=True)
class Agreement:
    """All pairs of coders, and Krippendorff's alpha of all of them and of the people among them; None if there are just two."""

    classes: tuple[str, ...]
    step_s: float
    tolerance_s: float
    videos: int
    people: int
    pairs: tuple[PairAgreement, ...]
    alpha_of_all: float | None
    alpha_of_people: float | None
    warnings: tuple[str, ...]


def agree(
    coders: Sequence[Coder], options: PairingOptions, *, tolerance_s: float = TOLERANCE_S, seed: int = 0
) -> Agreement:
    """Compare codings. With two, the first is the reference; of several, all pairs are compared.

    Uncertain predictions count as missing: they are in the confusion matrix, not in the scores.
    Raises: DataError if no video and person is common to the coders.
    """
    warnings: list[str] = []
    people = same_people(coders, options, warnings)
    classes = _classes(coders, people, options, warnings)
    labels = [_labels(person, coders, classes, options) for person in people]  # one [coders, T] per person
    if not any(found.size for found in labels):
        for coder in coders:
            if not any(any(video.events.tiers.values()) for video in coder.videos.values()):
                raise DataError(f"{coder.name} has no coded event", fix="code the videos first, and save the file")
        videos = "; ".join(f"{coder.name}: {', '.join(list(coder.videos)[:3]) or 'none'}" for coder in coders)
        raise DataError(
            f"the codings have no person of a video in common (videos of {videos})",
            fix="give codings of the same videos: the names of media files count, without folder and suffix",
        )
    compare = _Comparison(tuple(coders), tuple(people), tuple(labels), classes, options, tolerance_s, seed)
    pairs = [compare.pair(one, two) for one, two in combinations(range(len(coders)), 2)]
    ratings = np.maximum(np.concatenate(labels, axis=1), -1)
    hands = [index for index, coder in enumerate(coders) if coder.classes is None]
    several = len(coders) > 2
    return Agreement(
        classes,
        options.step_s,
        tolerance_s,
        len({person.video for person in people}),
        len(people),
        tuple(pairs),
        _known(agreement.krippendorffs_alpha(ratings, len(classes))) if several else None,
        _known(agreement.krippendorffs_alpha(ratings[hands], len(classes))) if several and len(hands) > 1 else None,
        tuple(warnings),
    )


def _classes(
    coders: Sequence[Coder], people: Sequence[SamePerson], options: PairingOptions, warnings: list[str]
) -> tuple[str, ...]:
    """Return the classes of the program, else the labels that two coders use; labels that are no class give a warning."""
    given = next((coder.classes for coder in coders if coder.classes), None)
    used: list[dict[str, float]] = [{} for _ in coders]
    for person in people:
        for seconds, items in zip(used, person.frames, strict=True):
            for item in items:
                label = options.label(item.label)
                seconds[label] = seconds.get(label, 0.0) + item.offset_s - item.onset_s
    labels = [label for label in {name for seconds in used for name in seconds} if label != UNCERTAIN]
    shared = [label for label in labels if sum(label in seconds for seconds in used) > 1]
    order = {name: number for number, name in enumerate(PAPER_ORDER)}
    classes = given or tuple(sorted(shared or labels, key=lambda name: (order.get(name, 99), name)))
    for coder, seconds in zip(coders, used, strict=True):
        unknown = {name: value for name, value in seconds.items() if name not in classes and name != UNCERTAIN}
        if unknown:
            shown = ", ".join(f"{name} ({value:.1f} s)" for name, value in sorted(unknown.items())[:8])
            warnings.append(f"{coder.name}: labels that are no common class are not counted: {shown}")
    return classes


def _labels(
    person: SamePerson, coders: Sequence[Coder], classes: Sequence[str], options: PairingOptions
) -> NDArray[np.int64]:
    """Return the classes [coders, T] of one person."""
    times = unit_times(person, options.step_s)
    found = np.stack([units(items, times, classes, options) for items in person.frames])
    if options.gaps is not None:
        gap = list(classes).index(options.label(options.gaps)) if options.label(options.gaps) in classes else -1
        for index, coder in enumerate(coders):
            if coder.classes is None and person.frames[index]:
                found[index][found[index] == -1] = gap
    return found


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
        blocks, described = _blocks(both, count, self.options.step_s)
        counts = blocks.sum(axis=0)
        sampled = agreement.resampled(blocks, seed=self.seed)
        if len(blocks) < MIN_RESAMPLED:
            sampled = np.zeros_like(sampled)  # no statistic is defined, so that there is no interval
            described += ": too few for intervals"
        precisions, recalls = ((function(counts), function(sampled)) for function in _BY_CLASS)
        share, kappa, alpha = (agreement.score(function(counts), function(sampled)) for function in _OVERALL)
        by_class = tuple(
            ClassScore(
                name,
                int(counts[index].sum()),
                int(counts[:, index].sum()),
                agreement.score(precisions[0][index], precisions[1][:, index]),
                agreement.score(recalls[0][index], recalls[1][:, index]),
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
            self._events(one, two),
        )

    def _events(self, one: int, two: int) -> tuple[EventScore, ...]:
        coded: list[Annotation] = []
        read: list[Annotation] = []
        pairs: list[Pair] = []
        for person in self.people:
            own, others = (known_events(person.events[at], self.classes, person, self.options) for at in (one, two))
            pairs += match_events(own, others, self.tolerance_s)
            coded += own
            read += others
        scores = []
        for name in self.classes:
            own, others = ([item for item in items if item.label == name] for items in (coded, read))
            scores.append(event_score(name, len(own), len(others), [pair for pair in pairs if pair[0].label == name]))
        return (*scores, event_score("all", len(coded), len(read), pairs))


_OVERALL = (agreement.percent_agreement, agreement.cohens_kappa, agreement.pair_alpha)
_BY_CLASS = (agreement.precision, agreement.recall)


def _table(pair: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return units [N + 2, N + 2] by the classes [2, T] of both; those that neither has are left out."""
    one, two = np.where(pair == -2, count, np.where(pair == -1, count + 1, pair))
    table = np.bincount(one * (count + 2) + two, minlength=(count + 2) ** 2).reshape(count + 2, count + 2)
    table[-1, -1] = 0
    return table


def _blocks(pairs: Sequence[NDArray[np.int64]], count: int, step_s: float) -> tuple[Counts, str]:
    """Return counts [B, N, N] of the units that both coded, by person; by blocks of time if there are few people."""
    by_person = [_table(pair, count)[:count, :count] for pair in pairs]
    used = [counts for counts in by_person if counts.sum()]
    if len(used) >= MIN_BLOCKS:
        return np.stack(used).astype(float), f"{len(used)} people of videos"
    length = round(BLOCK_S / step_s)
    parts = [pair[:, at : at + length] for pair in pairs for at in range(0, pair.shape[1], length)]
    tables = [_table(part, count)[:count, :count] for part in parts]
    used = [counts for counts in tables if counts.sum()] or [np.zeros((count, count), np.int64)]
    return np.stack(used).astype(
        float
    ), f"{pluralize(len(used), 'block')} of {BLOCK_S:g} s, as there are fewer than {MIN_BLOCKS} people"


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
