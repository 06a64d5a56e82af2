"""Sources in, their pictures and frames in order out, with what could not be read, and how much is still to come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from threading import Event
from typing import Any

from fercli.errors import DataError
from fercli.media.images import Rgb, read_rgb
from fercli.media.keep_up import KeepingUp
from fercli.media.sources import Source
from fercli.media.video import VideoReader
from fercli.system.stopwatch import Stopwatch

_CHUNK_FRAMES = 16
_CHUNK_PIXELS = 24_000_000  # frames held in memory at once, whatever their number


@dataclass(frozen=True)
class Item:
    """A picture or frame, or what is wrong.

    rgb: None if it could not be read; fault says why then. frame: its number, None for a picture and for what is said
    of a whole source. left: pictures and frames to come, this one's source and the others; None if unknown.
    """

    source: Source
    rgb: Rgb | None = None
    frame: int | None = None
    time_s: float | None = None
    fault: str | None = None
    left: int | None = None

    @property
    def is_frame(self) -> bool:
        return self.frame is not None


def feed(sources: Sequence[Source], *, stop: Event | None = None) -> Iterator[Item]:
    """Open the sources one after the other. What cannot be read is one item with a fault, and the others go on.

    stop: ends live sources when it is set.
    """
    ahead = _Ahead(sources)
    for number, source in enumerate(sources):
        try:
            if source.fault:
                yield Item(source, fault=source.fault, left=ahead.after(number))
            elif source.kind == "image":
                yield Item(source, rgb=_picture(source), left=ahead.after(number))
            else:
                yield from _frames(source, number, ahead, stop)
        except DataError as error:
            yield Item(source, fault=error.message.removeprefix(f"{source.name}: "), left=ahead.after(number))


def in_chunks(items: Iterable[Item], watch: Stopwatch) -> Iterator[list[Item]]:
    """As many items as are handled together: few enough to hold in memory; frames of live sources one by one."""
    chunk: list[Item] = []
    pixels = 0
    waiting = iter(items)
    while True:
        with watch.stage("decode"):
            item = next(waiting, None)
        if item is None:
            break
        chunk.append(item)
        pixels += item.rgb.shape[0] * item.rgb.shape[1] if item.rgb is not None else 0
        if len(chunk) == _CHUNK_FRAMES or pixels >= _CHUNK_PIXELS or item.source.is_live:
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk


def _picture(source: Source) -> Rgb:
    if isinstance(source.address, str):
        from fercli.media.web import fetch

        return read_rgb(source.path, fetch(source.address, name=source.name))
    return read_rgb(source.path)


def _frames(source: Source, number: int, ahead: _Ahead, stop: Event | None) -> Iterator[Item]:
    if source.is_live:
        yield from _live_frames(source, _opened(source), stop)
        return
    with _opened(source) as video:
        ahead.found(number, video.frames)
        for frame in video:
            left = ahead.left(number, frame.index)
            yield Item(source, frame.rgb, frame.index, frame.time_s, frame.fault, left=left)
        ahead.found(number, frame.index + 1)
        if video.broken:
            yield Item(source, fault=video.broken, left=ahead.after(number))


def _live_frames(source: Source, video: Any, stop: Event | None) -> Iterator[Item]:
    """Those that there is time for, and what became of the others."""
    coming = KeepingUp(video, stop=stop)
    read = 0
    with closing(iter(coming)) as frames:
        for frame in frames:
            yield Item(source, frame.rgb, frame.index, frame.time_s, frame.fault)
            read += 1
    faults = [video.broken] if video.broken else []
    if coming.passed_over:
        faults.append(f"{coming.passed_over} of {coming.passed_over + read} frames passed over, to keep up with it")
    if faults:
        yield Item(source, fault="; ".join(faults))


def _opened(source: Source) -> Any:
    if isinstance(source.address, int):
        from fercli.media.camera import CameraReader

        return CameraReader(source.address)
    return VideoReader(source.address or source.path, name=source.name, live=source.is_live)


class _Ahead:
    """How many pictures and frames are still to come; videos not yet opened count by their size, like those before."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._endless = any(source.is_live for source in sources)
        self._bytes = [_size(source) for source in sources]
        pictures = [int(source.kind == "image" or not size) for source, size in zip(sources, self._bytes, strict=True)]
        self._pictures_after = _after(pictures)
        self._bytes_after = _after(self._bytes)
        self._frames: dict[int, int] = {}
        self._known_bytes = self._known_frames = 0

    def found(self, number: int, frames: int | None) -> None:
        """Note how many frames a video has, or promises; None if nobody knows yet."""
        if frames is None:
            return
        if number not in self._frames:
            self._known_bytes += self._bytes[number]
        self._known_frames += frames - self._frames.get(number, 0)
        self._frames[number] = frames

    def left(self, number: int, frame: int) -> int | None:
        """After this frame of a video."""
        frames, after = self._frames.get(number), self.after(number)
        return None if frames is None or after is None else max(0, frames - frame - 1) + after

    def after(self, number: int) -> int | None:
        """After all of this source."""
        bytes_after = self._bytes_after[number]
        if self._endless or (bytes_after and not self._known_bytes):
            return None
        frames = round(bytes_after * self._known_frames / self._known_bytes) if bytes_after else 0
        return self._pictures_after[number] + frames


def _size(source: Source) -> int:
    """Bytes of a video file; 0 for anything else."""
    if source.kind == "image" or source.fault or source.address is not None:
        return 0
    try:
        return source.path.stat().st_size
    except OSError:
        return 0


def _after(counts: Sequence[int]) -> list[int]:
    """What comes after each place, all together."""
    total = sum(counts)
    return [total - until_here for until_here in accumulate(counts)]
