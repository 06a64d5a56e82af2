"""What a person or a program coded of a video: labels with onset and offset, by person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SPAN_TIER = "to code"  # the tier with the parts that a coder was asked to code
Span = tuple[float, float]


@dataclass(frozen=True)
class Annotation:
    """A label from onset to offset, in seconds of the video."""

    label: str
    onset_s: float
    offset_s: float
    comment: str = ""


@dataclass(frozen=True)
class VideoAnnotations:
    """The annotations of one video.

    video: path or name of the media file, else the name of the file that holds the annotations. tiers: person ->
    annotations in order of onset. end_s: end of what was coded; None if the format does not say. spans: the parts that were
    coded; None: everything up to end_s. note: about the whole video. warnings: what its reader found unusual. tracks: of
    a program, the numbers of the tracks of every person who has a name.
    """

    video: str
    tiers: Mapping[str, tuple[Annotation, ...]]
    end_s: float | None = None
    spans: tuple[Span, ...] | None = None
    note: str = ""
    warnings: tuple[str, ...] = ()
    tracks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
