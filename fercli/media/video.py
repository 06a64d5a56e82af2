"""Read videos: upright RGB frames with their presentation times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av

from fercli.errors import DataError
from fercli.formatting import clock as as_clock
from fercli.formatting import pluralize
from fercli.media.appended import has_unread_recording
from fercli.media.complete import is_complete
from fercli.media.containers import is_list, open_address, open_file
from fercli.media.display import FrameShapes, display_rgb, square_size
from fercli.media.frame_clock import FrameClock, frame_interval_s
from fercli.media.frames import Frame
from fercli.media.images import Rgb, reason_of
from fercli.media.picture_files import check_size, pixel_limit
from fercli.media.seek import Start, find_start
from fercli.media.selection import EVERY_FRAME, FrameChooser, FrameSelection
from fercli.media.tracks import DecodeError, DemuxError, choose_video, decode_packet, describe_choice, packets

_HELD_S = 60  # a last frame that is held longer has a wrong duration, if the whole file states it
_MISSING_S = 0.5  # a video that ends this much earlier than its header states was cut off
_STATING_ASPECT = (
    "mov",
    "matroska",
    "avi",
    "asf",
    "mxf",
    "nut",
)  # formats whose header may overrule that of the frames
_STATING_END = ("matroska", "flv", "mov")  # formats whose duration may be the time at which the last frame ends
_FIX = "check that a video player opens the file; if not, get it again"
_FIX_ADDRESS = "check the address in a video player"


@dataclass(frozen=True)
class _Lost:
    """The timestamps of a frame that could not be decoded."""

    pts: int | None
    time_base: Any
    dts: int | None = None
    key_frame: bool = False


class VideoReader:
    """Iterates once over the frames of a video, in display order. A frame that cannot be decoded comes without pixels.

    location: a file, or an address. name: used in messages. frames: number of frames by the header, None if unknown.
    live: deliver frames without delay. note: which of several picture tracks is read, else None. selection: the frames to
    read; others are not converted to pixels. If the format supports seeking, decoding starts at the last key frame before
    the selection. Indices are those of the whole video.
    broken: after the last frame, one sentence if the end is missing, else None.
    Raises: DataError if there is no readable video, or no frame in the part.
    """

    def __init__(
        self,
        location: Path | str,
        *,
        name: str | None = None,
        live: bool = False,
        selection: FrameSelection = EVERY_FRAME,
    ) -> None:
        self._path = location if isinstance(location, Path) else None
        self.name = name or str(location)
        self.broken: str | None = None
        self._live = live
        self._failed = False  # an error ended reading
        self._packets, self._end_s = 0, 0.0  # read so far; end of the last frame
        self._read_to = 0  # position in the file after the last packet
        self._fix = _FIX if self._path else _FIX_ADDRESS
        self._selection = selection
        self._start: Start | None = None
        self._begin(location)
        if selection.start_s and not live:
            self._seek(location)
        header_frames = self._stream.frames or None
        rate = self._stream.average_rate
        self.frames: int | None = selection.frames_of(header_frames, float(rate) if rate else None)

    def _begin(self, location: Path | str) -> None:
        """Open the video at its beginning."""
        self._container = self._open(location)
        stream = choose_video(self._container)
        if stream is None or stream.codec_context is None:
            self._container.close()
            raise self._error("has no video track" if stream is None else "no decoder for its video track")
        try:
            check_size(stream.codec_context.width, stream.codec_context.height)
        except DataError as error:
            self._container.close()
            raise DataError(f"{self.name}: {error.message}", fix=error.fix) from error
        # a frame may be larger than the header says: its decoder allocates no more than this
        stream.codec_context.options = {"max_pixels": str(pixel_limit())}
        self._stream = stream
        aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
        self._shapes = FrameShapes(aspect, fixed=self._container.format.name.startswith(_STATING_ASPECT))
        self.note = describe_choice(self._stream, self._container.streams.video, "picture")
        # frame threads delay output by one frame per thread
        self._stream.thread_type = "SLICE" if self._live else "AUTO"

    def _seek(self, location: Path | str) -> None:
        """Seek to the start of the selection; decode from the beginning if frame indices would otherwise be unknown."""
        start_s = float(self._container.start_time or 0) / av.time_base
        time_base = self._stream.time_base
        try:
            self._start = find_start(
                self._container,
                self._stream,
                self._selection.seek_s,
                seconds=lambda pts: float(pts * time_base) - start_s,
            )
        except (DemuxError, av.FFmpegError, OSError):
            self._start = None
        if self._start is None:
            self._container.close()
            self._begin(location)
        else:
            self._packets = self._start.index

    @property
    def decoded_from(self) -> int:
        """Index of the first decoded frame: that of the key frame before the selection, or 0."""
        return self._start.index if self._start else 0

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        if self._live:
            yield from self._frames()
            return
        previous: Frame | None = None
        for frame in self._frames():
            if previous is not None:
                yield replace(previous, duration_s=frame.time_s - previous.time_s)
            previous = frame
        if previous is not None:
            yield replace(previous, duration_s=max(0.0, self._end_s - previous.time_s))

    def _frames(self) -> Iterator[Frame]:
        clock = FrameClock(self._container, interval_s=frame_interval_s(self._stream), live=self._live)
        chooser = FrameChooser(self._selection)
        read = decoded = chosen = 0
        end_s = 0.0
        for index, picture in enumerate(self._from_start(), self.decoded_from):
            time_s = clock.shown_s(picture)
            if self._selection.ends_before(time_s):
                self._end_s = min(time_s, self._selection.end_s or time_s)
                break
            lost = isinstance(picture, _Lost)
            end_s = clock.next_s if lost else max(clock.next_s, time_s + _duration_s(picture))
            decoded += not lost
            if chooser.takes(time_s, lost=lost):
                chosen, read = chosen + 1, read + (not lost)
                yield Frame(index, time_s, *((None, "the frame cannot be decoded") if lost else self._pixels(picture)))
        else:
            if decoded == 0:
                raise self._error("no frame can be decoded")
            self.broken, self._end_s = self._fault(read, end_s)
            if chosen == 0:
                raise self._no_frame(f": {self.broken or f'it ends at {as_clock(clock.next_s)}'}")
        if chosen == 0:
            raise self._no_frame()

    def _from_start(self) -> Iterator[Any]:
        """Yield frames from the key frame on where decoding starts; earlier frames may be incomplete."""
        for picture in self._pictures():
            if self._start is None or picture.pts is None or picture.pts >= self._start.pts:
                yield picture

    def _open(self, location: Path | str) -> Any:
        try:
            if isinstance(location, Path):
                if location.is_dir():
                    raise self._error("a folder, not a video")
                if location.is_file() and location.stat().st_size == 0:
                    raise self._error("the file is empty")
                if location.is_file() and is_list(location):
                    raise DataError(f"{self.name}: a list of other files, not a video", fix="give the files it names")
                return open_file(location)
            return open_address(location)
        except FileNotFoundError as error:
            raise DataError(f"{self.name}: no such file or directory", fix="check the path") from error
        except PermissionError as error:
            raise DataError(f"{self.name}: permission denied", fix="make it readable for this user") from error
        except (av.FFmpegError, OSError, ValueError, LookupError) as error:
            if self._path is None:
                raise self._error(f"cannot be opened ({reason_of(error)})") from error
            raise self._error("not a video, or cut off before its header") from error

    def _pictures(self) -> Iterator[Any]:
        """Decoded frames in display order, with a _Lost for each that cannot be decoded or is damaged.

        Decoders process several frames at once and report errors late. Lost frames are the packets that a later frame
        overtakes, as many as there were errors (some formats have packets without a frame).
        """
        waiting: set[int] = set()
        cut: set[int] = set()  # of which bytes are missing
        errors, time_base = 0, self._stream.time_base
        marks_cut = self._container.format.name != "mpegts"  # which marks packets before any gap, complete or not
        try:
            for packet in self._start.packets if self._start else packets(self._container, self._stream):
                self._packets += bool(packet.size)
                self._read_to = max(self._read_to, (packet.pos or 0) + packet.size)
                if packet.size and packet.pts is not None and not packet.is_discard:
                    waiting.add(packet.pts)
                    if packet.is_corrupt and marks_cut:
                        cut.add(packet.pts)
                try:
                    pictures = decode_packet(packet)
                except DecodeError:
                    errors += 1
                    continue
                for picture in pictures:
                    if picture.pts is not None:
                        overtaken = sorted(pts for pts in waiting if pts < picture.pts)
                        waiting.difference_update(overtaken, (picture.pts,))
                        lost = overtaken[max(0, len(overtaken) - errors) :]
                        errors -= len(lost)
                        yield from (_Lost(pts, time_base) for pts in lost)
                    if picture.is_corrupt or picture.pts in cut:
                        yield _Lost(picture.pts, time_base, picture.dts, picture.key_frame)
                    else:
                        yield picture
        except DemuxError:
            self._failed = True
        yield from (_Lost(pts, time_base) for pts in sorted(waiting)[:errors])

    def _pixels(self, picture: Any) -> tuple[Rgb | None, str | None]:
        """Pixels of a decoded frame, or the reason why there are none."""
        try:
            shape = self._shapes.of(picture)
            check_size(*square_size(picture.width, picture.height, shape.aspect))
            return display_rgb(picture, shape), None
        except DataError as error:
            return None, error.message
        except (av.FFmpegError, ValueError, MemoryError) as error:  # an unusual pixel format
            return None, f"the frame cannot be converted to RGB ({reason_of(error)})"

    def _fault(self, frames: int, end_s: float) -> tuple[str | None, float]:
        """Return what is missing at the end, and when the last frame ends: in a complete file it is held to the end."""
        if self._path and has_unread_recording(self._path, self._container.format.name, self._read_to):
            return f"another recording is appended to the file and not read; {pluralize(frames, 'frame')} read", end_s
        stated_s = _stated_duration_s(self._container, self._stream, end_s)
        complete = is_complete(
            self._path,
            self._container.format.name,
            packets=self._packets,
            stated_packets=self._stream.frames,
            read_to=self._read_to,
        )
        if complete and (not self._failed or self._container.format.name == "mpjpeg"):
            held_s = (stated_s or 0.0) - end_s
            if held_s <= _HELD_S or self._stream.duration is not None:
                return None, end_s + max(0.0, held_s)
        if stated_s is not None and end_s < stated_s - _MISSING_S:
            return f"cut off after {end_s:.1f} s of {stated_s:.1f} s; {pluralize(frames, 'frame')} read", end_s
        if self._failed or complete is False:
            return f"cut off after {end_s:.1f} s; {pluralize(frames, 'frame')} read", end_s
        return None, end_s

    def _no_frame(self, reason: str = "") -> DataError:
        return DataError(f"{self.name}: no frame to read ({self._selection}){reason}", fix="choose another part")

    def _error(self, what: str) -> DataError:
        return DataError(f"{self.name}: {what}", fix=self._fix)


def _duration_s(picture: Any) -> float:
    return float((picture.duration or 0) * picture.time_base) if picture.time_base else 0.0


def _stated_duration_s(container: Any, stream: Any, end_s: float) -> float | None:
    """Duration of the video track by the header; None if unknown, or if it may be that of the sound.

    end_s: of the last frame. Files of some formats may state the time at which the last frame ends, from time 0 on.
    """
    tag = stream.metadata.get("DURATION")
    if stream.duration is not None:
        stated_s: float | None = float(stream.duration * stream.time_base)
    elif tag is not None:
        stated_s = _tagged_s(tag)
    elif container.duration is None or len(container.streams) > 1:
        stated_s = None
    else:
        stated_s = float(container.duration) / av.time_base
    start_s = float(container.start_time or 0) / av.time_base
    if stated_s is None or start_s <= 0 or not container.format.name.startswith(_STATING_END):
        return stated_s
    return max(stated_s - start_s, min(stated_s, end_s))


def _tagged_s(tag: str) -> float | None:
    """Parse Matroska's 00:00:02.600000000 into seconds; None for any other text."""
    parts = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d*)?)", tag.strip(), re.ASCII)
    return int(parts[1]) * 3600 + int(parts[2]) * 60 + float(parts[3]) if parts else None
