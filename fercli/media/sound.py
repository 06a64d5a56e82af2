"""Copy or re-encode the sound track of a video into an MP4 that is being written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from fercli.media.video import OPEN_OPTIONS

_COPIED = ("aac", "mp3", "opus")  # allowed in MP4 and played by browsers; anything else is re-encoded as AAC
_AAC_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)  # Hz
_AAC_BITS_PER_CHANNEL = 80_000  # bit/s


class Sound:
    """The first sound track of a file, written to a container in pieces: copied, or re-encoded as AAC.

    Times are relative to the start time of the source, as in VideoReader, so that sound and pictures stay in sync.
    `open_sound` creates one.
    """

    def __init__(self, source: Any, target: Any) -> None:
        self._source, self._target = source, target
        stream = source.streams.audio[0]
        self._start_s = float(source.start_time or 0) / av.time_base
        self._copied = stream.codec_context.name in _COPIED
        if self._copied:
            self._out = target.add_stream_from_template(stream)
        else:
            self._out = _add_aac(target, stream.codec_context)
        self._packets = source.demux(stream)
        self._output = self._copies() if self._copied else self._encoded()
        self._next: Any = None

    def write_until(self, time_s: float | None) -> None:
        """Write the sound before `time_s`, or all that is left for None."""
        while True:
            if self._next is None:
                self._next = next(self._output, None)
            packet = self._next
            if packet is None or (time_s is not None and float(packet.dts * packet.time_base) > time_s):
                return
            self._target.mux(packet)
            self._next = None

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _copies(self) -> Iterator[Any]:
        last_dts = None
        for packet in self._readable():
            shift = round(self._start_s / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            if last_dts is not None and packet.dts <= last_dts:
                continue  # a broken timestamp: MP4 requires increasing times
            last_dts = packet.dts
            packet.stream = self._out
            yield packet

    def _encoded(self) -> Iterator[Any]:
        for packet in self._readable():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue  # a damaged packet is silent, the rest keeps its time
            for frame in frames:
                frame.pts -= round(self._start_s / frame.time_base)
                yield from self._out.encode(frame)
        yield from self._out.encode(None)

    def _readable(self) -> Iterator[Any]:
        """Packets with timestamps, until the file ends or is cut off."""
        try:
            for packet in self._packets:
                if packet.pts is not None and packet.dts is not None:
                    yield packet
        except av.FFmpegError:
            return


def open_sound(path: Path | str, target: Any) -> Sound | None:
    """Prepare the first sound track of a file or address for a container; None if there is no readable one."""
    try:
        source = av.open(str(path), **OPEN_OPTIONS)
    except (av.FFmpegError, OSError):
        return None
    streams = source.streams.audio
    if not streams or streams[0].codec_context is None or not streams[0].codec_context.sample_rate:
        source.close()
        return None
    return Sound(source, target)


def _add_aac(target: Any, codec: Any) -> Any:
    rate = codec.sample_rate if codec.sample_rate in _AAC_RATES else _AAC_RATES[0]
    channels = 1 if codec.layout.nb_channels == 1 else 2
    stream = target.add_stream("aac", rate=rate)
    stream.codec_context.layout = "mono" if channels == 1 else "stereo"
    stream.codec_context.bit_rate = _AAC_BITS_PER_CHANNEL * channels
    return stream
