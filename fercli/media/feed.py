"""Read sources one after the other: their pictures and frames in order, with errors and the number still to come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

from fercli.errors import DataError
from fercli.formatting import pluralize
from fercli.media.addresses import path_of, scheme_of
from fercli.media.animation import AnimationReader, is_animation, is_other_than_gif
from fercli.media.counts import Remaining
from fercli.media.frames import VIDEO_SUFFIXES
from fercli.media.images import Rgb, read_rgb
from fercli.media.latest_frames import LatestFrames
from fercli.media.reconnect import Reconnecting
from fercli.media.sources import Source
from fercli.results import Face
from fercli.system.stopwatch import Stopwatch

_CHUNK_FRAMES = 16
_CHUNK_PIXELS = 24_000_000  # limits the memory of a chunk
_ENOUGH_PIXELS = 4_000_000  # if there is a picture for every thread


@dataclass(frozen=True)
class Item:
    """A picture or frame, or the error that replaced it.

    rgb: None if it could not be read; fault is the reason, fix what to do, if that is known. frame: its index, None for a
    picture and for an error about the whole source. duration_s: how long the frame is shown. note: what is unusual about the
    file, with its picture or first frame. left: number of pictures and frames still to come from all sources; None if
    unknown. faces: where the faces are, if that is known.
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
    fix: str | None = None

    @property
    def is_frame(self) -> bool:
        return self.frame is not None


def feed(sources: Sequence[Source], *, stop: Event | None = None) -> Iterator[Item]:
    """Open the sources one after the other. A source that cannot be read yields one item with a fault; reading continues.

    stop: ends live sources when it is set.
    """
    with closing(Remaining(sources)) as remaining:
        for index, source in enumerate(sources):
            try:
                if source.fault:
                    yield Item(source, fault=source.fault, left=remaining.after(index))
                elif source.kind == "image":
                    yield from _picture(source, index, remaining)
                else:
                    yield from _frames(source, index, remaining, stop)
            except DataError as error:
                fault = error.message.removeprefix(f"{source.name}: ").removeprefix(f"{source.path}: ")
                yield Item(source, fault=fault, left=remaining.after(index), fix=error.fix)


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


def _picture(source: Source, index: int, remaining: Remaining) -> Iterator[Item]:
    """The picture of a source, or the frames if it turns out to be animated."""
    content = None
    if isinstance(source.address, str):
        from fercli.media.web import fetch

        content = fetch(source.address, name=source.name)
    yield from _picture_items(source, content, index, remaining)


def _picture_items(source: Source, content: bytes | None, index: int, remaining: Remaining) -> Iterator[Item]:
    if is_animation(source.path, content):
        with AnimationReader(source.path, content, name=source.name, selection=source.selection) as animation:
            yield from _video_items(replace(source, kind="video"), animation, index, remaining)
        return
    notes: list[str] = []
    rgb = read_rgb(source.path, content, notes=notes)
    frame, time_s = (0, 0.0) if source.kind == "video" else (None, None)
    yield Item(source, rgb, frame, time_s, left=remaining.after(index), note="; ".join(notes) or None)


def _picture_without_suffix(source: Source) -> bytes | None:
    """The bytes of a picture at an address that does not show what it is; None for any other source."""
    address = source.address
    if not isinstance(address, str) or scheme_of(address) not in ("http", "https"):
        return None
    if path_of(address).lower().endswith(VIDEO_SUFFIXES):
        return None
    from fercli.media.web import fetch_picture

    return fetch_picture(address, name=source.name)


def _frames(source: Source, index: int, remaining: Remaining, stop: Event | None) -> Iterator[Item]:
    if source.is_live:
        yield from _live_frames(source, stop)
        return
    if (picture := _picture_without_suffix(source)) is not None:
        yield from _picture_items(source, picture, index, remaining)
        return
    with open_video(source) as video:
        yield from _video_items(source, video, index, remaining)


def _video_items(source: Source, video: Any, index: int, remaining: Remaining) -> Iterator[Item]:
    """The frames of an open video, then its fault."""
    note = video.note
    for read, frame in enumerate(video, start=1):
        yield Item(
            source,
            frame.rgb,
            frame.index,
            frame.time_s,
            frame.fault,
            left=remaining.after_frame(index, read),
            duration_s=frame.duration_s,
            note=note,
        )
        note = None
    if video.broken:
        yield Item(source, fault=video.broken, left=remaining.after(index))


def _live_frames(source: Source, stop: Event | None) -> Iterator[Item]:
    """Frames of a live source; those that could not be processed in time are skipped, and counted at the end."""

    def open_stream() -> Any:
        away_s = source.reconnect_s
        if away_s is None:
            return open_video(source)
        return Reconnecting(lambda: open_video(source), away_s=away_s, stop=stop)

    latest = LatestFrames(open_stream, stop=stop)
    read = 0
    with closing(iter(latest)) as frames:
        for frame in frames:
            yield Item(source, frame.rgb, frame.index, frame.time_s, frame.fault)
            read += 1
    errors = [latest.broken] if latest.broken else []
    if not read and not errors:
        errors.append("stopped before the first frame")
    if latest.skipped:
        errors.append(f"{latest.skipped} of {pluralize(latest.skipped + read, 'frame')} skipped to keep up")
    if errors:
        yield Item(source, fault="; ".join(errors))


def open_video(source: Source) -> Any:
    """Open the video or camera of a source as an iterable of frames."""
    if isinstance(source.address, int):
        from fercli.media.camera import CameraReader

        return CameraReader(source.address, selection=source.selection)
    if source.address is None and is_other_than_gif(source.path):
        return AnimationReader(source.path, name=source.name, selection=source.selection)
    from fercli.media.video import VideoReader  # FFmpeg is not needed for pictures

    location, live = source.address or source.path, source.is_live
    return VideoReader(location, name=source.name, live=live, selection=source.selection)
