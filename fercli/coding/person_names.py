"""Names of people in codings: which of them mean one person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.coders import CodedByOne, Coder
from fercli.results import who_name

_TRACK = re.compile(r"^(?:person|face|track|#)?\s*#?\s*(\d+)$")  # of a video
_PARTICIPANT = re.compile(r"^(?:participant|subject|p)\s*#?\s*(\d+)$")  # of a study, or of a video


def person_key(name: str) -> str:
    """Return a name that is equal for one person: `Person 1`, `Track 1`, `#1`, `P1` and `1` are the same; '' for `Largest face`."""
    plain = _plain(name)
    match = _TRACK.match(plain) or _PARTICIPANT.match(plain)
    return str(int(match.group(1))) if match else plain


def person_keys(codings: Sequence[CodedByOne | None]) -> dict[str, str]:
    """Return the key of every name in the codings of a video.

    If one coding has both `P2`, which is a name there, and `Track 2`, these are two people, and `P2` is not a number. `Track 3` is
    the person whom a program gives a name and this number; so is `3`, if nobody has this key.
    """
    tiers = [{*coding.frames.tiers, *coding.events.tiers} for coding in codings if coding is not None]
    numbers = [Counter(person_key(plain) for plain in {_plain(name) for name in names}) for names in tiers]
    keys = {}
    for name in set().union(*tiers):
        key = person_key(name)
        is_name = _PARTICIPANT.match(_plain(name)) and any(count[key] > 1 for count in numbers)
        keys[name] = _plain(name) if is_name else key
    people = {str(n): keys[person] for c in codings if c for person, ns in c.frames.tracks.items() for n in ns}
    taken = {keys[name] for coding in codings if coding for name in coding.frames.tracks}
    taken |= {keys[name] for coding in codings if coding and coding.frames.tracks for name in coding.frames.tiers}
    for name, key in keys.items():
        is_track = _TRACK.match(_plain(name)) and (key not in taken or _plain(name).startswith("track"))
        if is_track and key in people:
            keys[name] = people[key]
    return keys


def one_tier_each(coding: CodedByOne, key_of: Mapping[str, str]) -> CodedByOne:
    """Return a coding in which tiers of one person, such as `Anna` and `anna`, are one; frames and events have the same names."""
    names: dict[str, str] = {}
    for name in (*coding.frames.tiers, *coding.events.tiers):
        names.setdefault(key_of[name], name)
    return CodedByOne(*(_merged(part, key_of, names) for part in (coding.frames, coding.events)))


def _merged(part: VideoAnnotations, key_of: Mapping[str, str], names: Mapping[str, str]) -> VideoAnnotations:
    tiers: dict[str, list[Annotation]] = {}
    for name, items in part.tiers.items():
        tiers.setdefault(names[key_of[name]], []).extend(items)
    ordered = {name: tuple(sorted(items, key=lambda item: item.onset_s)) for name, items in tiers.items()}
    return replace(part, tiers=ordered)


def name_in_all_videos(names: Sequence[str | None], coders: Sequence[Coder]) -> str | None:
    """Return what a person is called in all videos; None for the number of a track.

    names: one per coder. A program numbers whom it has no name for; without one, it is what the coders wrote.
    """
    given = [(_plain(name), coder) for name, coder in zip(names, coders, strict=True) if name is not None]
    plain = [name for name, coder in given if coder.classes is not None] or [name for name, _ in given]
    return next((name for name in plain if name and not _TRACK.match(name)), None)


def _plain(name: str) -> str:
    plain = name.strip().casefold()
    return "" if plain == who_name(None).casefold() else plain
