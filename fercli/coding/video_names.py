"""Which videos of several codings are the same, by the ends of their paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from fercli.system.names import portable_name


def video_name(video: str) -> str:
    """Return the name of a video without folder and suffix."""
    return PurePosixPath(video.replace("\\", "/")).stem


def short_names(videos: Sequence[str]) -> list[str]:
    """Return a name for every video: without folder and suffix; of several with one name with folders, as P01_day1.

    Paths that are equal have equal names.
    """
    parts = [_parts(video) for video in videos]
    names = []
    for own in parts:
        same = {other for other in parts if other[-1].casefold() == own[-1].casefold()}
        depth = next(
            (n for n in range(1, len(own)) if len({_joined(other, n) for other in same}) == len(same)), len(own)
        )
        names.append("_".join(own[-depth:]))
    return names


def common_end(one: str, other: str) -> int:
    """Return how many parts of the paths of two videos are the same, from the end; 0 for different names.

    Suffixes do not count. The folders may be part of the name: P01_day1 and P01/day1.mp4 have two in common.
    """
    first, second = _parts(one), _parts(other)
    ends = {_joined(first, count): count for count in range(1, len(first) + 1)}
    common = [max(ends[name], n) for n in range(1, len(second) + 1) if (name := _joined(second, n)) in ends]
    return max(common, default=0)


def _parts(video: str) -> tuple[str, ...]:
    path = PurePosixPath(video.replace("\\", "/"))
    parts = tuple(portable_name(part) for part in (*path.parts[:-1], path.stem) if part not in ("", ".", "..", "/"))
    return parts or ("video",)  # of a path without a name, such as `..`


def _joined(parts: Sequence[str], count: int) -> str:
    return "_".join(parts[-count:]).casefold()
