"""Read sources one after the other: their pictures and frames in order, with errors and the number still to come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import accumulate
from threading import Event
from typing import Any

from fercli.errors import DataError
from fercli.formatting import pluralize
from fercli.media.animation import ANIMATED_SUFFIXES, AnimationReader, is_animation
from fercli.media.images import Rgb, read_rgb
from fercli.media.latest_frames import LatestFrames
from fercli.media.sources import Source
from fercli.media.video import VideoReader
from fercli.results import Face
from fercli.system.stopwatch import Stopwatch

_CHUNK_FRAMES = 16
_CHUNK_PIXELS = 24_000_000  # limits the memory of a chunk
_ENOUGH_PIXELS = 4_000_000  # if there is a picture for every thread


@dataclass(frozen=True)
class Item:
    """A picture or frame, or the error that replaced it.

    rgb: None if it could not be read; fault is the reason. frame: its index, None for a picture and for an error about the
    whole source. duration_s: how long the frame is shown. note: what is unusual about the file, with its picture or first
    frame. left: number of pictures and frames still to come from all sources; None if unknown. faces: where the faces are,
    if that is known.
    """

    source: Source
    rgb: Rgb | None = None
    frame: int | None = None
    time_s: float | None = None
    fault: str | None = None
    left: int | None = None
    duration_s: float | None = None
    note: str | None = None
    faces: Sequence[Face] | None = None

    @property
    def is_frame(self) -> bool:
        return self.frame is not None


def feed(sources: Sequence[Source], *, stop: Event | None = None) -> Iterator[Item]:
    """Open the sources one after the other. A source that cannot be read yields one item with a fault; reading continues.

    stop: ends live sources when it is set.
    """
    remaining = _Remaining(sources)
    for index, source in enumerate(sources):
        try:
            if source.fault:
                yield Item(source, fault=source.fault, left=remaining.after(index))
            elif source.kind == "image":
                yield from _picture(source, remaining.after(index))
            else:
                yield from _frames(source, index, remaining, stop)
        except DataError as error:
            yield Item(source, fault=error.message.removeprefix(f"{source.name}: "), left=remaining.after(index))


def in_chunks(items: Iterable[Item], watch: Stopwatch, *, threads: int) -> Iterator[list[Item]]:
    """Group items into chunks that fit in memory; frames of live sources come one by one.

    watch: gets the stage decode. threads: number of pictures that are searched in parallel.
    """
    chunk: list[Item] = []
    pixels = 0
    iterator = iter(items)
    while True:
        with watch.stage("decode"):
            item = next(iterator, None)
        if item is None:
            break
        chunk.append(item)
        pixels += item.rgb.shape[0] * item.rgb.shape[1] if item.rgb is not None else 0
        limit = _ENOUGH_PIXELS if len(chunk) >= threads else _CHUNK_PIXELS
        if len(chunk) == _CHUNK_FRAMES or pixels >= limit or item.source.is_live:
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk


def _picture(source: Source, left: int | None) -> Iterator[Item]:
    """The picture of a source, or the frames if it turns out to be animated."""
    content = None
    if isinstance(source.address, str):
        from fercli.media.web import fetch

        content = fetch(source.address, name=source.name)
    if (content is not None or source.path.suffix.lower() in ANIMATED_SUFFIXES) and is_animation(source.path, content):
        with AnimationReader(source.path, content, name=source.name, selection=source.selection) as animation:
            yield from _video_items(replace(source, kind="video"), animation, lambda _: left, left)
        return
    notes: list[str] = []
    rgb = read_rgb(source.path, content, notes=notes)
    yield Item(source, rgb=rgb, left=left, note="; ".join(notes) or None)


def _frames(source: Source, index: int, remaining: _Remaining, stop: Event | None) -> Iterator[Item]:
    if source.is_live:
        yield from _live_frames(source, open_video(source), stop)
        return
    with open_video(source) as video:
        remaining.set_frames(index, video.frames)
        read = 0
        for item in _video_items(
            source, video, lambda read: remaining.after_frame(index, read), remaining.after(index)
        ):
            read += item.is_frame
            if not item.is_frame:
                remaining.set_frames(index, read)
            yield item
        remaining.set_frames(index, read)


def _video_items(
    source: Source, video: Any, left_after: Callable[[int], int | None], left: int | None
) -> Iterator[Item]:
    """The frames of an open video, then its fault. left_after: number still to come after so many frames."""
    note = video.note
    for read, frame in enumerate(video):
        yield Item(
            source,
            frame.rgb,
            frame.index,
            frame.time_s,
            frame.fault,
            left=left_after(read),
            duration_s=frame.duration_s,
            note=note,
        )
        note = None
    if video.broken:
        yield Item(source, fault=video.broken, left=left)


def _live_frames(source: Source, video: Any, stop: Event | None) -> Iterator[Item]:
    """Frames of a live source; those that could not be processed in time are skipped, and counted at the end."""
    latest = LatestFrames(video, stop=stop)
    read = 0
    with closing(iter(latest)) as frames:
        for frame in frames:
            yield Item(source, frame.rgb, frame.index, frame.time_s, frame.fault)
            read += 1
    errors = [video.broken] if video.broken else []
    if latest.skipped:
        errors.append(f"{latest.skipped} of {pluralize(latest.skipped + read, 'frame')} skipped to keep up")
    if errors:
        yield Item(source, fault="; ".join(errors))


def open_video(source: Source) -> Any:
    """Open the video or camera of a source as an iterable of frames."""
    if isinstance(source.address, int):
        from fercli.media.camera import CameraReader

        return CameraReader(source.address, selection=source.selection)
    if source.address is None and source.path.suffix.lower() in ANIMATED_SUFFIXES and is_animation(source.path):
        return AnimationReader(source.path, name=source.name, selection=source.selection)
    location, live = source.address or source.path, source.is_live
    return VideoReader(location, name=source.name, live=live, selection=source.selection)


class _Remaining:
    """Counts the pictures and frames still to come; the length of unopened videos is estimated from their file size."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._endless = any(source.is_live for source in sources)
        self._bytes = [_size(source) for source in sources]
        pictures = [int(source.kind == "image" or not size) for source, size in zip(sources, self._bytes, strict=True)]
        self._pictures_after = _after(pictures)
        self._bytes_after = _after(self._bytes)
        self._frames: dict[int, int] = {}
        self._known_bytes = self._known_frames = 0

    def set_frames(self, index: int, frames: int | None) -> None:
        """Record how many frames of a video are read, or are expected by its header; None if unknown."""
        if frames is None:
            return
        if index not in self._frames:
            self._known_bytes += self._bytes[index]
        self._known_frames += frames - self._frames.get(index, 0)
        self._frames[index] = frames

    def after_frame(self, index: int, frame: int) -> int | None:
        """Number still to come after the frame of a video that is read as number `frame`; None if unknown."""
        frames, after = self._frames.get(index), self.after(index)
        return None if frames is None or after is None else max(0, frames - frame - 1) + after

    def after(self, index: int) -> int | None:
        """Number still to come after this source; None if unknown."""
        bytes_after = self._bytes_after[index]
        if self._endless or (bytes_after and not self._known_bytes):
            return None
        frames = round(bytes_after * self._known_frames / self._known_bytes) if bytes_after else 0
        return self._pictures_after[index] + frames


def _size(source: Source) -> int:
    """Bytes of a video file; 0 for anything else."""
    if source.kind == "image" or source.fault or source.address is not None:
        return 0
    try:
        return source.path.stat().st_size
    except OSError:
        return 0


def _after(counts: Sequence[int]) -> list[int]:
    """Sum of the counts after each index."""
    total = sum(counts)
    return [total - so_far for so_far in accumulate(counts)]
