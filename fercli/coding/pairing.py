"""Which videos and people of two coders are the same, and both codings on one time base."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fercli.coding.annotations import Annotation, Span, VideoAnnotations, tier_name
from fercli.coding.coders import UNCERTAIN, Coder
from fercli.config.labels import canonical

STEP_S = 0.04
_NUMBERED = re.compile(r"^(?:person|participant|subject|face|track|p|#)?\s*#?\s*(\d+)$")


@dataclass(frozen=True)
class PairingOptions:
    """How codings are made comparable.

    step_s: length of a unit of time. names: label of a coder -> expression. gaps: expression that time without an annotation
    of a person's coding has; None: it is not coded. spans: parts that were coded, by video; they win over those in the files.
    """

    step_s: float = STEP_S
    names: Mapping[str, str] = field(default_factory=dict)
    gaps: str | None = None
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)

    def label(self, text: str) -> str:
        """Return the expression that a label stands for."""
        return self.names.get(text) or self.names.get(canonical(text)) or canonical(text)


@dataclass(frozen=True)
class SamePerson:
    """One person of one video in the codings of several coders; a coder without the person has no annotations."""

    video: str
    person: str
    frames: tuple[tuple[Annotation, ...], ...]
    events: tuple[tuple[Annotation, ...], ...]
    end_s: float
    spans: tuple[Span, ...] | None


def person_key(name: str) -> str:
    """Return a name that is equal for one person: `Person 1`, `#1`, `P1` and `1` are the same."""
    plain = name.strip().lower()
    match = _NUMBERED.match(plain)
    return str(int(match.group(1))) if match else plain


def same_people(coders: Sequence[Coder], options: PairingOptions, warnings: list[str]) -> list[SamePerson]:
    """Return the people of the videos that all coders have, by name or number.

    Where two coders have no name in common, the only person of one of them is the one who is coded longest by the other. What
    is left out is added to `warnings`.
    """
    common = [name for name in coders[0].videos if all(name in coder.videos for coder in coders)]
    for coder in coders:
        alone = [name for name in coder.videos if name not in common]
        if alone:
            warnings.append(f"only {coder.name} has {', '.join(alone)}: not compared")
    people = []
    for video in common:
        people += _of_video(video, coders, options, warnings)
    return people


def _of_video(video: str, coders: Sequence[Coder], options: PairingOptions, warnings: list[str]) -> list[SamePerson]:
    codings = [coder.videos[video] for coder in coders]
    keyed = [{person_key(name): name for name in coding.frames.tiers} for coding in codings]
    first = keyed[0]
    found: list[tuple[str, list[str | None]]] = []
    if any(set(first) & set(other) for other in keyed[1:]):
        found = [(key, [names.get(key) for names in keyed]) for key in first]
        found = [(key, names) for key, names in found if sum(name is not None for name in names) > 1]
    elif all(keyed):
        found = [(_shown(keyed), [_longest(coding.frames) for coding in codings])]
        shown = [f"{coder.name}: {name or 'the only one'}" for coder, name in zip(coders, found[0][1], strict=True)]
        if any(len(names) > 1 for names in keyed):
            warnings.append(f"{video}: no person has one name in all codings, compared are {', '.join(shown)}")
    if not found:
        warnings.append(f"{video}: no person is in two codings")
    spans = options.spans.get(video) or next((c.frames.spans for c in codings if c.frames.spans is not None), None)
    people = []
    for key, names in found:
        frames, events = (
            tuple(_tier(part, name) for part, name in zip(parts, names, strict=True))
            for parts in ([coding.frames for coding in codings], [coding.events for coding in codings])
        )
        ends = [coding.frames.end_s for coding in codings if coding.frames.end_s is not None]
        end_s = max([*ends, *(items[-1].offset_s for items in frames if items)], default=0.0)
        people.append(SamePerson(video, key, frames, events, end_s, spans))
    return people


def _shown(keyed: Sequence[Mapping[str, str]]) -> str:
    return next((key for names in keyed for key in names if len(names) == 1 and key), "")


def _longest(coding: VideoAnnotations) -> str | None:
    def seconds(name: str) -> float:
        return sum(item.offset_s - item.onset_s for item in coding.tiers[name])

    return max(coding.tiers, key=seconds, default=None)


def _tier(coding: VideoAnnotations, name: str | None) -> tuple[Annotation, ...]:
    """Return a tier by the name that the frames have; events may have another one for the same person."""
    if name is None:
        return ()
    key = person_key(name)
    keys = (key,) if key else ("", person_key(tier_name(None)))
    return next((items for other, items in coding.tiers.items() if person_key(other) in keys), ())


def units(
    items: Sequence[Annotation], times_s: NDArray[np.float64], classes: Sequence[str], options: PairingOptions
) -> NDArray[np.int64]:
    """Return the index of the class at every time [T]; -1: nothing or an unknown label, -2: uncertain.

    Of overlapping annotations the one that begins last counts.
    """
    index = {name: number for number, name in enumerate(classes)} | {UNCERTAIN: -2}
    labels = np.full(len(times_s), -1)
    for item in sorted(items, key=lambda item: item.onset_s):
        number = index.get(options.label(item.label))
        if number is not None:
            first, after = np.searchsorted(times_s, [item.onset_s, item.offset_s])
            labels[first:after] = number
    return labels


def unit_times(person: SamePerson, step_s: float) -> NDArray[np.float64]:
    """Return the middles [T] of the steps of time that were to be coded."""
    times: NDArray[np.float64] = (np.arange(int(np.ceil(person.end_s / step_s - 1e-9)), dtype=float) + 0.5) * step_s
    if person.spans is None:
        return times
    inside = np.zeros(len(times), bool)
    for begin_s, end_s in person.spans:
        inside |= (times >= begin_s) & (times < end_s)
    return times[inside]


def known_events(
    items: Sequence[Annotation], classes: Sequence[str], person: SamePerson, options: PairingOptions
) -> list[Annotation]:
    """Return the events of known expressions that begin in the parts that were coded, with the names of the classes."""
    found = []
    for item in items:
        label = options.label(item.label)
        inside = person.spans is None or any(begin <= item.onset_s < end for begin, end in person.spans)
        if label in classes and inside:
            found.append(Annotation(label, item.onset_s, item.offset_s))
    return found
