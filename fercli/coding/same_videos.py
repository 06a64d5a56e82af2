"""Which videos of several codings are the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from fercli.coding.coders import CodedByOne, Coder
from fercli.coding.video_names import common_end, video_name
from fercli.errors import DataError
from fercli.formatting import pluralize

_Scored = tuple[float, str, int]  # how much a video has in common with the one of this index
_SHOWN = 5
_WITHIN = 0.5  # score of a name that is part of another one, below that of equal names


@dataclass
class SameVideo:
    """One video. codings: one per coder; None for a coder who did not code it."""

    name: str
    codings: list[CodedByOne | None]
    keys: list[str | None] = field(default_factory=list)


def same_videos(coders: Sequence[Coder], warnings: list[str]) -> list[SameVideo]:
    """Return the videos that two coders or more have.

    Videos are the same if their names are, without folder and suffix; if several have one name, their folders count. A coding
    that links no video may be named after it (`interview1_anna.TextGrid`). What is left out is added to `warnings`.
    Raises: DataError if it is not clear which video is meant.
    """
    videos: list[SameVideo] = []
    for index, coder in enumerate(coders):
        _add(videos, coders, index, warnings)
        for name, coding in coder.videos.items():
            if all(video.keys[index] != name for video in videos):
                added = SameVideo(name, [None] * len(coders), [None] * len(coders))
                added.codings[index], added.keys[index] = coding, name
                videos.append(added)
    if (
        len(videos) == len(coders) > 1
        and all(len(coder.videos) == 1 for coder in coders)
        and any(map(_is_bare_coding, videos))
    ):
        shown = ", ".join(f"{coder.name}: {next(iter(coder.videos))}" for coder in coders)
        warnings.append(f"the names of the videos differ and are taken for one video ({shown})")
        codings: list[CodedByOne | None] = [next(iter(coder.videos.values())) for coder in coders]
        return [SameVideo(next(iter(coders[0].videos)), codings)]
    for index, coder in enumerate(coders):
        alone = [video.name for video in videos if video.codings[index] and sum(map(bool, video.codings)) == 1]
        if alone and coder.classes is None:  # people code a part of the videos
            shown = ", ".join(alone[:_SHOWN]) + (" ..." if len(alone) > _SHOWN else "")
            warnings.append(f"only {coder.name} has {shown} ({pluralize(len(alone), 'video')}): not compared")
    return [video for video in videos if sum(map(bool, video.codings)) > 1]


def _add(videos: Sequence[SameVideo], coders: Sequence[Coder], index: int, warnings: list[str]) -> None:
    """Add the videos of a coder to those of the coders before; the pairs with most in common first."""
    coder = coders[index]
    scored = [
        (score, name, at)
        for name, coding in coder.videos.items()
        for at, video in enumerate(videos)
        if (score := max(_likeness(coding, other) for other in video.codings if other is not None)) > 0
    ]
    scored.sort(key=lambda item: -item[0])
    for score, name, at in scored:
        video = videos[at]
        if video.codings[index] is not None or any(other.keys[index] == name for other in videos):
            continue
        rivals = list(_rivals(scored, videos, index, (score, name, at)))
        if rivals:
            raise DataError(
                f"{coder.name}: it is not clear which video is {name}: {', '.join(rivals)}",
                fix="name the files by folder and video, such as P01_day1, or link the videos by a path with their folder",
            )
        video.codings[index], video.keys[index] = coder.videos[name], name
        if score == _WITHIN:
            bare, linked = (name, video.name) if _is_bare(coder.videos[name].frames.video) else (video.name, name)
            warnings.append(f"{bare} is taken for the video {linked}")
            video.name = linked


def _rivals(scored: Sequence[_Scored], videos: Sequence[SameVideo], index: int, pair: _Scored) -> Iterator[str]:
    """Yield the two videos between which a score does not decide; nothing if it does."""
    _, name, at = pair
    for other in scored:
        _, other_name, other_at = other
        if other[0] != pair[0] or other == pair:
            continue
        if other_name == name and videos[other_at].codings[index] is None:
            yield from (videos[at].name, videos[other_at].name)
            return
        if other_at == at and all(video.keys[index] != other_name for video in videos):
            yield from (name, other_name)
            return


def _likeness(one: CodedByOne, other: CodedByOne) -> float:
    """Return how much the names of two videos have in common: equal parts from the end, or _WITHIN."""
    first, second = one.frames.video, other.frames.video
    common = common_end(first, second)
    if common:
        return float(common)
    within = (_is_bare(a) and _contains(video_name(a), video_name(b)) for a, b in ((first, second), (second, first)))
    return _WITHIN if any(within) else 0.0


def _is_bare_coding(video: SameVideo) -> bool:
    return any(coding is not None and _is_bare(coding.frames.video) for coding in video.codings)


def _is_bare(video: str) -> bool:
    """Whether a name is not that of a media file, but of the file with the annotations."""
    path = PurePosixPath(video.replace("\\", "/"))
    return len(path.parts) == 1 and not path.suffix


def _contains(name: str, part: str) -> bool:
    return re.search(rf"(?<![^\W_]){re.escape(part)}(?![^\W_])", name, re.IGNORECASE) is not None
