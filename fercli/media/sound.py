"""Copy or re-encode the sound track of a video into an MP4 that is being written."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from fercli.formatting import pluralize
from fercli.media.containers import open_address, open_file
from fercli.media.frame_clock import frame_interval_s
from fercli.media.joined_times import JoinedTimes
from fercli.media.selection import EVERY_FRAME, FrameSelection
from fercli.media.tracks import (
    DecodeError,
    DemuxError,
    choose_sound,
    choose_video,
    decode_packet,
    describe_choice,
    packets,
)

_COPIED = ("aac", "mp3", "opus")  # allowed in MP4 and played by browsers; anything else is re-encoded as AAC
_COPIED_FROM = ("mov", "matroska")  # formats that state the parameters of a track once: they cannot change in between
_LATE_FORMATS = ("flv", "mpegts", "mpeg")  # their tracks appear with their first packet
_LATE_OPTIONS = {"probesize": "64000000", "analyzeduration": "600000000"}  # bytes, us
_AAC_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)  # Hz
_AAC_BITS_PER_CHANNEL = 80_000  # bit/s
_MOST_SHIFT_S = 1.0  # between a packet and its first sound; more is the border of two recordings
_GAP_S = 0.1  # a larger gap between sounds is filled with silence; smaller ones are imprecise times
_SILENT_END_S = 60  # of silence after the last picture: broken times can be days late
_EARLY = 200  # packets of sound that may come before the first picture of their recording
_PIECE = 4096  # samples of silence that are encoded together


class Sound:
    """The sound track of a file, written to a container in pieces: copied, or re-encoded as AAC.

    Times are relative to the start time of the source, as in VideoReader, so that sound and pictures stay in sync.
    part: only the sound of this part is written; its times count from the start of the part.
    fault: after the end, one sentence if sound is missing, else None. `open_sound` creates one.
    """

    def __init__(self, source: Any, stream: Any, target: Any, part: FrameSelection = EVERY_FRAME) -> None:
        self._source, self._stream, self._target = source, stream, target
        self.fault: str | None = None
        self._part = part
        self._end_s, self._damaged = 0.0, 0
        self._samples: SampleConverter | None = None  # None where packets are copied
        codec = stream.codec_context
        format_name = source.format.name
        is_usual = codec.codec.canonical_name in _COPIED and format_name.startswith(_COPIED_FROM)
        if is_usual and _fits_mp4(stream):
            self._out = target.add_stream_from_template(stream)
            self._output = self._copies()
        else:
            self._out = _add_aac(target, codec)
            self._samples = SampleConverter(self._out.codec_context)
            self._output = self._encoded(self._samples)
        self._next: Any = None
        self._last_s = 0.0  # of the pictures so far

    def write_until(self, time_s: float | None) -> None:
        """Write the sound before `time_s`, or all that is left for None. Errors end the sound and set `fault`."""
        self._last_s = self._last_s if time_s is None else time_s
        if self._samples is not None:
            self._samples.filled_until_s = self._last_s + _SILENT_END_S if time_s is None else None
        try:
            while True:
                if self._next is None:
                    self._next = next(self._output, None)
                packet = self._next
                if packet is None:
                    break
                start_s = float(packet.dts * packet.time_base)
                if time_s is not None and start_s > time_s:
                    return
                self._end_s = start_s + float((packet.duration or 0) * packet.time_base)
                self._target.mux(packet)
                self._next = None
        except (DemuxError, av.FFmpegError, ValueError, OSError) as error:
            self._output, self._next = iter(()), None
            reason = getattr(error, "strerror", None) or str(error)
            self.fault = f"the copy has no sound after {self._end_s:.1f} s ({reason.lower()})"
        if self._damaged and self.fault is None:
            self.fault = f"{pluralize(self._damaged, 'piece')} of the sound cannot be decoded: silent in the copy"

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _packets(self) -> Iterator[tuple[Any, float]]:
        """Yield the packets of the part with their times."""
        for packet, time_s in self._timed_packets():
            if packet.size and self._part.ends_before(time_s):
                return
            if not packet.size or not self._part.begins_after(time_s):
                yield packet, time_s - self._part.start_s

    def _timed_packets(self) -> Iterator[tuple[Any, float]]:
        """Yield the packets of the sound with their times; those of the pictures show where recordings were joined."""
        video = choose_video(self._source)
        streams = [self._stream] if video is None else [video, self._stream]
        times = JoinedTimes(
            float(self._source.start_time or 0) / av.time_base,
            interval_s=1.0 if video is None else frame_interval_s(video),
        )
        early: list[tuple[Any, float, int]] = []  # packets of a recording before its first picture
        for packet in packets(self._source, *streams):
            stamp = packet.dts if packet.pts is None else packet.pts
            stamp_s = None if stamp is None else float(stamp * packet.time_base)
            if packet.stream.index != self._stream.index:
                if stamp_s is not None:
                    times.add_picture(stamp_s, is_key=packet.is_keyframe, position=packet.pos)
            elif stamp_s is not None:
                early.append((packet, stamp_s, times.recording_of_sound(stamp_s, packet.pos)))
            ended = not packet.size
            if len(early) > _EARLY or (ended and early):
                times.revoke_step()
                early = [(one, its_s, times.newest) for one, its_s, _ in early]
            while early and (time_s := times.seconds(early[0][2], early[0][1])) is not None:
                yield early.pop(0)[0], time_s
            if ended and packet.stream.index == self._stream.index:
                yield packet, 0.0

    def _copies(self) -> Iterator[Any]:
        last_dts = None
        for packet, time_s in self._packets():
            if not packet.size:
                return
            packet.pts = packet.dts = round(time_s / packet.time_base)
            if last_dts is not None and packet.dts <= last_dts:
                continue  # a broken timestamp: MP4 requires increasing times
            last_dts = packet.dts
            packet.stream = self._out
            yield packet

    def _encoded(self, samples: SampleConverter) -> Iterator[Any]:
        time_s = 0.0
        for packet, start_s in self._packets():
            try:
                frames = decode_packet(packet)
            except DecodeError:
                self._damaged += 1  # silent, the rest keeps its time
                continue
            time_s = start_s if packet.size else time_s
            if frames and packet.size:
                time_s += _shift_s(frames[0], packet)
            for frame in frames:
                for piece in samples.at(time_s, frame):
                    yield from self._out.encode(piece)
                time_s += frame.samples / frame.sample_rate
        yield from self._out.encode(None)


def _shift_s(frame: Any, packet: Any) -> float:
    """How much later than its packet the first frame of a packet begins: decoders leave out samples, or hold them back."""
    if frame.pts is None or packet.pts is None:
        return 0.0
    shift_s = float(frame.pts * frame.time_base) - float(packet.pts * packet.time_base)
    return shift_s if abs(shift_s) < _MOST_SHIFT_S else 0.0


class SampleConverter:
    """Converts sound to the format of the encoder, without gaps and overlaps, even where rate and layout change."""

    def __init__(self, codec: Any) -> None:
        self._layout, self._rate = codec.layout.name, codec.sample_rate
        self.filled_until_s: float | None = None  # gaps are filled with silence up to here; None: all of them
        self._written = 0  # samples
        self._key: object = None
        self._resampler: Any = None

    def at(self, time_s: float, frame: Any) -> Iterator[Any]:
        """Yield frames for the encoder: silence up to the frame's time, then the frame; nothing if it overlaps."""
        expected = round(time_s * self._rate)
        if expected < self._written - _GAP_S * self._rate:
            return
        if expected > self._written + (_GAP_S * self._rate if self._written else 0):
            yield from self._silence(expected - self._written)
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key != self._key:
            self._key = key
            self._resampler = av.AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
        frame.pts = None
        yield from (self._stamped(piece) for piece in self._resampler.resample(frame))

    def _silence(self, count: int) -> Iterator[Any]:
        channels = 1 if self._layout == "mono" else 2
        while count > 0 and (self.filled_until_s is None or self._written < self.filled_until_s * self._rate):
            samples = np.zeros((channels, min(count, _PIECE)), np.float32)
            piece = av.AudioFrame.from_ndarray(samples, format="fltp", layout=self._layout)
            piece.sample_rate = self._rate
            yield self._stamped(piece)
            count -= _PIECE

    def _stamped(self, piece: Any) -> Any:
        piece.pts, piece.time_base = self._written, Fraction(1, self._rate)
        self._written += piece.samples
        return piece


def open_sound(path: Path | str, target: Any, part: FrameSelection = EVERY_FRAME) -> tuple[Sound | None, str | None]:
    """Prepare the sound track of a file or address, or a part of it, for a container.

    Returns the sound, None if there is none, and a sentence if a track was chosen of several or none is readable.
    """
    source = _open(path)
    if source is None:
        return None, None
    stream = choose_sound(source)
    if stream is None:
        source.close()
        return None, None
    if not _is_readable(stream):
        source.close()
        return None, "the copy has no sound: the sound track cannot be decoded"
    try:
        return Sound(source, stream, target, part), describe_choice(stream, source.streams.audio, "sound")
    except (av.FFmpegError, ValueError, OSError) as error:
        source.close()
        return None, f"the copy has no sound ({error})"


def _open(path: Path | str) -> Any | None:
    """Open a file with its sound, which some formats only show when it begins."""
    try:
        source = open_file(path) if isinstance(path, Path) else open_address(path)
        begun = all(_is_readable(track) for track in source.streams.audio) and source.streams.audio
        if not begun and source.format.name in _LATE_FORMATS and isinstance(path, Path):
            source.close()
            source = open_file(path, **_LATE_OPTIONS)
    except (av.FFmpegError, OSError, ValueError):
        return None
    return source


def _is_readable(stream: Any) -> bool:
    codec = stream.codec_context
    return codec is not None and bool(codec.sample_rate and codec.layout.nb_channels)


def _fits_mp4(stream: Any) -> bool:
    """Whether an MP4 file can describe a track. With a broken header, the error would come when the file is finished."""
    trial = av.open(io.BytesIO(), "w", format="mp4", options={"movflags": "empty_moov+frag_keyframe"})
    try:
        trial.add_stream_from_template(stream)
        trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    finally:
        with contextlib.suppress(av.FFmpegError):
            trial.close()
    return True


def _add_aac(target: Any, codec: Any) -> Any:
    rate = codec.sample_rate if codec.sample_rate in _AAC_RATES else _AAC_RATES[0]
    channels = 1 if codec.layout.nb_channels == 1 else 2
    stream = target.add_stream("aac", rate=rate)
    stream.codec_context.layout = "mono" if channels == 1 else "stereo"
    stream.codec_context.bit_rate = _AAC_BITS_PER_CHANNEL * channels
    return stream
