"""A video at a glance: a strip of predicted classes and the time per expression of everybody in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercli.coding.code import CodedVideo
from fercli.coding.recordings import Recording, Track
from fercli.coding.summary import Summary
from fercli.formatting import duration, percents, pluralize
from fercli.predict.report.strip import WIDTH, Band, strip_of
from fercli.results import Who, who_name

_BINS, _SAMPLES = 240, 16  # bins of a strip, and moments of each that are looked at
_SHOWN_PEOPLE = 4


@dataclass(frozen=True)
class PersonOverview:
    """One person: name, strip, and the time per expression as text."""

    name: str
    strip: tuple[Band, ...]
    text: str


@dataclass(frozen=True)
class VideoOverview:
    """What an index shows of a video: a line of text, and those in view longest; `more` are left out."""

    text: str
    people: tuple[PersonOverview, ...]
    more: int


def video_overview(recording: Recording, coded: CodedVideo) -> VideoOverview:
    """Return the overview of one video."""
    people = sorted((item for item in coded.summaries if item.level != "video"), key=lambda item: -item.in_view_s)
    tracks = {track.person: track for track in recording.tracks}
    duration_s = coded.end_s - coded.begin_s
    parts = [duration(duration_s), pluralize(len(recording.numbers), "frame")]
    parts.append(people_text([item.person for item in people]) if people else "nobody in view")
    shown = tuple(
        PersonOverview(who_name(item.person), track_strip(recording, tracks[item.person]), shares_text(item))
        for item in people[:_SHOWN_PEOPLE]
    )
    return VideoOverview(", ".join(parts), shown, len(people) - len(shown))


def people_text(everybody: Sequence[Who]) -> str:
    """Return how many tracks and named people there are: "2 tracks", "1 person and 2 tracks", "largest face of every frame"."""
    if None in everybody:
        return "largest face of every frame"
    named = sum(isinstance(who, str) for who in everybody)
    counts = ((named, "person", "people"), (len(everybody) - named, "track", "tracks"))
    return " and ".join(pluralize(*part) for part in counts if part[0]) or "no track"


def shares_text(summary: Summary) -> str:
    """Return the time per expression as text, longest first, uncertain last: "happiness 52 %, uncertain 48 %"."""
    texts = percents(summary.shares.tolist(), 1)
    ranked = sorted(range(len(summary.classes)), key=lambda index: -summary.shares[index])
    names = (*summary.classes, "uncertain")
    return ", ".join(f"{names[i]} {texts[i]}" for i in (*ranked, len(summary.classes)) if summary.shares[i] > 0)


def track_strip(recording: Recording, track: Track) -> tuple[Band, ...]:
    """Return the strip of a person over the whole video: in every bin the class that was predicted for the longest time."""
    classes = len(recording.classes)
    row_of_frame = np.full(len(recording.numbers) + 1, -1)  # the last: before the first frame
    row_of_frame[track.frames] = np.arange(len(track.frames))
    times = np.linspace(recording.begin_s[0], recording.end_s[-1], _BINS * _SAMPLES, endpoint=False)
    rows = row_of_frame[np.searchsorted(recording.begin_s, times, side="right") - 1]
    found = np.where(track.uncertain, classes, track.labels)[rows]
    counts = np.zeros((_BINS, classes + 1), int)
    np.add.at(counts, (np.repeat(np.arange(_BINS), _SAMPLES)[rows >= 0], found[rows >= 0]), 1)
    longest: NDArray[np.int64] = np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
    return strip_of(longest, np.linspace(0, WIDTH, _BINS + 1), recording.classes)
