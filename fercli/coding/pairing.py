"""Which people of several codings are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from fercli.coding.annotations import Annotation, Span, VideoAnnotations
from fercli.coding.coders import CodedByOne, Coder
from fercli.coding.person_names import name_in_all_videos, one_tier_each, person_key, person_keys
from fercli.coding.same_videos import SameVideo, same_videos
from fercli.coding.video_names import common_end
from fercli.config.labels import PAPER_ORDER, canonical
from fercli.formatting import clock
from fercli.results import who_name

STEP_S = 0.04
_SHOWN = 5
_LATE_S = 1.0  # by which a label may end after the last frame


@dataclass(frozen=True)
class PairingOptions:
    """How codings are made comparable.

    step_s: length of a unit of time. names: label of a coder -> expression. gaps: expression that time without an annotation
    of a person's coding has; None: it is not coded. spans: parts that were coded, by path of the video; they win over those in
    the files. shifts_s: by coder, how much later its times are to be.
    """

    step_s: float = STEP_S
    names: Mapping[str, str] = field(default_factory=dict)
    gaps: str | None = None
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    shifts_s: Mapping[str, float] = field(default_factory=dict)

    def as_settings(self) -> dict[str, str]:
        """Return the settings as name and value, as results record them."""
        settings = {
            "unit of time": f"{self.step_s:g} s",
            "time without a label": "not coded" if self.gaps is None else self.gaps,
            "parts that were coded": "a sample" if self.spans else "as the files say",
        }
        if self.names:
            stated = {label.strip().lower(): name for label, name in self.names.items()}
            settings["labels"] = ", ".join(f"{label} is {name}" for label, name in stated.items() if label != name)
        if self.shifts_s:
            settings["shifts"] = ", ".join(f"{name} by {shift:g} s" for name, shift in self.shifts_s.items())
        return settings

    def label(self, text: str) -> str:
        """Return the expression that a label stands for."""
        return self.names.get(text) or self.names.get(canonical(text)) or canonical(text)

    def spans_of(self, video: str) -> tuple[Span, ...] | None:
        """Return the parts of a video that were coded, by the end of its path; None if it is not known."""
        name = max(self.spans, key=lambda name: common_end(name, video), default=None)
        return None if name is None or not common_end(name, video) else self.spans[name]


@dataclass(frozen=True)
class SamePerson:
    """One person of one video in the codings of several coders; a coder without the person has no annotations.

    name: what the person is called in all videos; None for a number, which is that of one video.
    """

    video: str
    person: str
    frames: tuple[tuple[Annotation, ...], ...]
    events: tuple[tuple[Annotation, ...], ...]
    end_s: float
    spans: tuple[Span, ...] | None
    name: str | None = None


def same_people(coders: Sequence[Coder], options: PairingOptions, warnings: list[str]) -> list[SamePerson]:
    """Return the people of the videos that two coders have, by name or number.

    Someone without a counterpart is compared with the only person of the other coder who has none either, or if no name is
    common with the one coded longest. Everybody else is missing in the other codings, which is added to `warnings`.
    """
    people = []
    for video in same_videos(coders, warnings):
        video.codings = [
            None if coding is None else _prepared(coding, coder, options)
            for coding, coder in zip(video.codings, coders, strict=True)
        ]
        keys = person_keys(video.codings)
        video.codings = [None if coding is None else one_tier_each(coding, keys) for coding in video.codings]
        people += _of_video(video, coders, options, keys, warnings)
    return people


def _prepared(coding: CodedByOne, coder: Coder, options: PairingOptions) -> CodedByOne:
    """Return a coding with its times shifted, and with expressions that are names of tiers as labels."""
    shift_s = options.shifts_s.get(coder.name, 0.0)
    parts = []
    for part in (coding.frames, coding.events):
        changed = _shifted(part, shift_s) if shift_s else part
        parts.append(changed if coder.classes else _with_labels(changed, options))
    return CodedByOne(*parts)


def _shifted(coding: VideoAnnotations, shift_s: float) -> VideoAnnotations:
    tiers = {
        person: tuple(
            replace(item, onset_s=max(0.0, item.onset_s + shift_s), offset_s=item.offset_s + shift_s)
            for item in items
            if item.offset_s + shift_s > 0
        )
        for person, items in coding.tiers.items()
    }
    end_s = None if coding.end_s is None else coding.end_s + shift_s
    spans = None if coding.spans is None else tuple((begin + shift_s, end + shift_s) for begin, end in coding.spans)
    return replace(coding, tiers=tiers, end_s=end_s, spans=spans)


def _with_labels(coding: VideoAnnotations, options: PairingOptions) -> VideoAnnotations:
    """Return a coding with a tier per expression as one person, whose labels are the names of the tiers."""
    used = {name: items for name, items in coding.tiers.items() if items}
    known = {*PAPER_ORDER, *options.names.values()}
    values = {options.label(item.label) for items in used.values() for item in items}
    if not used or values & known or any(options.label(name) not in known for name in used):
        return coding
    items = [replace(item, label=name) for name, of_tier in used.items() for item in of_tier]
    return replace(coding, tiers={"": tuple(sorted(items, key=lambda item: item.onset_s))})


def _of_video(
    video: SameVideo,
    coders: Sequence[Coder],
    options: PairingOptions,
    key_of: Mapping[str, str],
    warnings: list[str],
) -> list[SamePerson]:
    """Return the people of one video. key_of: the names of people."""
    keyed = [{} if coding is None else {key_of[name]: name for name in coding.frames.tiers} for coding in video.codings]
    keys = list(dict.fromkeys(key for names in keyed for key in names))
    found = {key: [names.get(key) for names in keyed] for key in keys}
    found = {key: names for key, names in found.items() if sum(name is not None for name in names) > 1}
    left = [
        _left([name for key, name in names.items() if key not in found], coding, options)
        for names, coding in zip(keyed, video.codings, strict=True)
    ]
    taken = _only_ones(video, coders, left, list(found.values()), warnings)
    found |= {key_of[next(name for name in names if name is not None)]: names for names in taken}
    _warn_of_rest(video, coders, left, taken, warnings)
    codings = [coding for coding in video.codings if coding is not None]
    spans = next((s for c in codings if (s := options.spans_of(c.frames.video))), None)
    spans = spans or next((c.frames.spans for c in codings if c.frames.spans is not None), None)
    for at, names in enumerate(left):  # whom nobody else has: their time is missing in the other codings
        for name in names:
            if all(name != one[at] for one in taken):
                alone: list[str | None] = [None] * len(coders)
                alone[at] = name
                found[f"{coders[at].name}: {name}"] = alone
    _warn_of_ends(video, coders, warnings)
    return [_person(video, key, names, spans, coders) for key, names in found.items()]


def _left(names: Sequence[str], coding: CodedByOne | None, options: PairingOptions) -> list[str]:
    """Return those of the people without a counterpart who have a label; if any has an expression, those with expressions."""
    if coding is None:
        return []
    known = {*PAPER_ORDER, *options.names.values()}
    labels = {name: {options.label(item.label) for item in coding.frames.tiers[name]} for name in names}
    return [name for name in names if labels[name] & known] or [name for name in names if labels[name]]


def _only_ones(
    video: SameVideo,
    coders: Sequence[Coder],
    left: Sequence[Sequence[str]],
    found: Sequence[Sequence[str | None]],
    warnings: list[str],
) -> list[list[str | None]]:
    """Return the people who are taken for one person although their names differ; nothing if it is not clear who they are.

    left: by coder, those without a counterpart. found: the people with one, of whom the only one may lack in a coding. One coder
    at least must have a single person; of another one, the person in view or coded longest is taken if there is no other choice.
    """
    base: Sequence[str | None] = [None] * len(coders)
    if len(found) == 1 and any(name is None and names for name, names in zip(found[0], left, strict=True)):
        base = found[0]
    joins = any(name is not None for name in base)
    with_some = [index for index, names in enumerate(left) if names and base[index] is None]
    single = [index for index in with_some if len(left[index]) == 1]
    if len(with_some) + joins < 2 or not (single or joins) or (len(found) > joins and len(single) < len(with_some)):
        return []
    taken = list(base)
    for at in with_some:
        taken[at] = max(left[at], key=lambda name: _seconds(video.codings[at], name))
    shown = [f"{coders[at].name}: {_shown_name(name, coders[at])}" for at, name in enumerate(taken) if name is not None]
    if any(person_key(name) for name in taken if name is not None):
        chosen = "" if len(single) == len(with_some) else " (who is in view or coded longest)"
        warnings.append(f"{video.name}: names of people differ, taken for one person are {', '.join(shown)}{chosen}")
    return [taken]


def _shown_name(name: str, coder: Coder) -> str:
    return name or (who_name(None) if coder.classes else "a person without a name")


def _warn_of_rest(
    video: SameVideo,
    coders: Sequence[Coder],
    left: Sequence[Sequence[str]],
    taken: Sequence[Sequence[str | None]],
    warnings: list[str],
) -> None:
    """Warn of the people whom somebody coded by hand and who are not compared."""
    rest = [[name for name in names if all(name != one[at] for one in taken)] for at, names in enumerate(left)]
    for index, coder in enumerate(coders):
        names = rest[index]
        if coder.classes is None and names:
            seconds = sum(_seconds(video.codings[index], name) for name in names)
            shown = ", ".join(name or "somebody without a name" for name in names[:_SHOWN])
            others = list(dict.fromkeys(name for at, other in enumerate(rest) if at != index for name in other))
            known = (
                f"; nor are {', '.join(name or who_name(None) for name in others[:_SHOWN])} of the others"
                if others
                else ""
            )
            warnings.append(
                f"{video.name}: {coder.name} coded {shown} ({seconds:.1f} s), whom nobody else has: not compared{known}"
            )


def _warn_of_ends(video: SameVideo, coders: Sequence[Coder], warnings: list[str]) -> None:
    """Warn of labels after the end of what a program read of the video."""
    ends = [
        (coding.frames.end_s, coder.name)
        for coding, coder in zip(video.codings, coders, strict=True)
        if coder.classes is not None and coding is not None and coding.frames.end_s is not None
    ]
    if not ends:
        return
    end_s, program = max(ends)
    for coding, coder in zip(video.codings, coders, strict=True):
        if coder.classes is not None or coding is None:
            continue
        last_s = max((item.offset_s for items in coding.frames.tiers.values() for item in items), default=0.0)
        if last_s > end_s + _LATE_S:
            warnings.append(
                f"{video.name}: {coder.name} has labels up to {clock(last_s)}, {program} ends at {clock(end_s)}: is it the same "
                "video, and are the times seconds?"
            )


def _person(
    video: SameVideo,
    key: str,
    names: Sequence[str | None],
    spans: tuple[Span, ...] | None,
    coders: Sequence[Coder],
) -> SamePerson:
    parts = [None if coding is None else (coding.frames, coding.events) for coding in video.codings]
    frames, events = (
        tuple(
            () if part is None or name is None else part[kind].tiers.get(name, ())
            for part, name in zip(parts, names, strict=True)
        )
        for kind in (0, 1)
    )
    ends = [part[0].end_s for part in parts if part is not None and part[0].end_s is not None]
    end_s = max([*ends, *(max(item.offset_s for item in items) for items in frames if items)], default=0.0)
    return SamePerson(video.name, key, frames, events, end_s, spans, name_in_all_videos(names, coders))


def _seconds(coding: CodedByOne | None, name: str) -> float:
    return 0.0 if coding is None else sum(item.offset_s - item.onset_s for item in coding.frames.tiers[name])
