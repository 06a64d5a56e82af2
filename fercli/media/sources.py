"""What a user names (files, folders, globs) in, pictures and videos out; what is missing stays in the list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fercli.media.images import IMAGE_SUFFIXES, files_below, is_animated
from fercli.media.video import VIDEO_SUFFIXES

_GLOB_SIGNS = frozenset("*?[")


@dataclass(frozen=True)
class Source:
    """One picture or video.

    relative: its place below the folder that was named, its file name if it was named itself.
    fault: why there is nothing to open, None if there may be.
    """

    path: Path
    kind: Literal["image", "video"]
    relative: Path
    fault: str | None = None


def find_sources(arguments: Sequence[str]) -> list[Source]:
    """Expand files, folders (at any depth) and globs in the order given, every file once.

    A name that leads to nothing becomes a source with a fault, so that the others can still be read.
    """
    sources: dict[Path, Source] = {}
    for argument in arguments:
        for source in _expand(argument):
            sources.setdefault(source.path.resolve(), source)
    return list(sources.values())


def _expand(argument: str) -> Iterator[Source]:
    path = Path(argument)
    if path.is_dir():
        yield from _below(path)
    elif path.exists() or not _GLOB_SIGNS & set(argument):
        yield _one(path, Path(path.name))
    else:
        matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        if not matches:
            yield Source(path, "image", path, fault="no file matches")
        for match in matches:
            yield from _below(match) if match.is_dir() else (_one(match, Path(match.name)),)


def _below(folder: Path) -> Iterator[Source]:
    files = files_below(folder, IMAGE_SUFFIXES + VIDEO_SUFFIXES)
    if not files:
        yield Source(folder, "image", folder, fault="the folder has no pictures or videos")
    for file in files:
        yield _one(file, file.relative_to(folder))


def _one(path: Path, relative: Path) -> Source:
    suffix = path.suffix.lower()
    is_video = suffix in VIDEO_SUFFIXES or (suffix == ".gif" and is_animated(path))
    fault = None if path.exists() else "no such file or folder"
    return Source(path, "video" if is_video else "image", relative, fault)
