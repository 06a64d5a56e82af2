"""A video file in, upright RGB frames with their presentation times out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from fercli.errors import DataError
from fercli.media.images import Rgb

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".3gp")

_MISSING_S = 0.5  # a video that ends this much before its header says has lost its end
_GIF_TRAILER = b";"  # a GIF has no length in its header, but it has a last byte


@dataclass(frozen=True)
class Frame:
    """One picture of a video: its number in decoding order, when it is shown, and its pixels turned upright."""

    index: int
    time_s: float
    rgb: Rgb


class VideoReader:
    """Frames of one video, once, in order, one in memory at a time.

    frames: how many the header promises, None if it does not say. broken: after the last frame, one sentence if
    something could not be decoded or the end is missing; None for a whole video.
    Raises: DataError if the file is no readable video.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.broken: str | None = None
        if path.is_dir():
            raise DataError(
                f"{path}: a folder, not a video",
                fix="a file that a viewer opens; get this one again if it should be one",
            )
        if path.is_file() and path.stat().st_size == 0:
            raise DataError(
                f"{path}: the file is empty", fix="a file that a viewer opens; get this one again if it should be one"
            )
        try:
            self._container: Any = av.open(str(path))
        except FileNotFoundError as error:
            raise DataError(f"{path}: no such file or directory", fix="check the path") from error
        except PermissionError as error:
            raise DataError(f"{path}: permission denied", fix="make it readable for this user") from error
        except (av.FFmpegError, OSError) as error:
            raise DataError(
                f"{path}: not a video, or its header is missing (a file that was cut off)",
                fix="a file that a viewer opens; get this one again if it should be one",
            ) from error
        if not self._container.streams.video:
            self._container.close()
            raise DataError(
                f"{path}: has no picture track",
                fix="a file that a viewer opens; get this one again if it should be one",
            )
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.frames: int | None = self._stream.frames or None
        self._start_s = float(self._container.start_time or 0) / av.time_base

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        interval_s = 1 / float(self._stream.average_rate or 25)
        index, last_s, faults = 0, -interval_s, 0
        for picture in self._decoded():
            if picture is None:
                faults += 1
                continue
            if picture.pts is None:
                time_s = last_s + interval_s
            else:
                time_s = max(float(picture.pts * picture.time_base) - self._start_s, 0.0)
            yield Frame(index, time_s, _upright(picture))
            index, last_s = index + 1, time_s
        if index == 0:
            raise DataError(
                f"{self.path}: no frame can be decoded",
                fix="a file that a viewer opens; get this one again if it should be one",
            )
        self.broken = self._fault(index, last_s + interval_s, faults)

    def _decoded(self) -> Iterator[Any]:
        """Decoded pictures; None for a packet that cannot be decoded or a file that ends in the middle of one."""
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from packet.decode()
                except av.FFmpegError:
                    yield None
        except av.FFmpegError:
            yield None

    def _fault(self, frames: int, end_s: float, faults: int) -> str | None:
        promised_s = _promised_s(self._container, self._stream)
        if promised_s is not None and end_s < promised_s - _MISSING_S:
            return f"breaks off after {end_s:.1f} s of {promised_s:.1f} s; {frames} frames were read"
        if self._container.format.name == "gif" and not _ends_with(self.path, _GIF_TRAILER):
            return f"breaks off after {end_s:.1f} s; {frames} frames were read"
        if faults:
            return f"{faults} broken part{'s' if faults > 1 else ''} left out; {frames} frames were read"
        return None


def _upright(picture: Any) -> Rgb:
    """Pixels of a decoded picture, turned as its display matrix says (counter-clockwise degrees)."""
    if picture.format.has_palette or any(part.is_alpha for part in picture.format.components):
        rgba = picture.to_ndarray(format="rgba")
        alpha = rgba[..., 3:].astype(np.uint16)
        rgb = ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)  # on white
    else:
        rgb = picture.to_ndarray(format="rgb24")
    quarter_turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns)) if quarter_turns else rgb


def _promised_s(container: Any, stream: Any) -> float | None:
    """How long the header says the pictures last; None if it does not, or speaks of the sound as well."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION")  # Matroska: 00:00:02.600000000
    if tag is not None:
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if container.duration is None or len(container.streams) > 1:
        return None
    return float(container.duration) / av.time_base


def _ends_with(path: Path, last: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(-len(last), os.SEEK_END)
        return file.read() == last
