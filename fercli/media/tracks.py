"""Choose the picture and the sound track of a file, and read packets whatever the demuxer raises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import av

_Disposition = av.stream.Disposition
_THUMBNAILS = _Disposition.attached_pic | _Disposition.timed_thumbnails


def choose_video(container: Any) -> Any | None:
    """Return the picture track that a player shows: the default one, of several the largest; None without one.

    The cover picture of a sound file is not a track.
    """
    tracks = [track for track in container.streams.video if not track.disposition & _THUMBNAILS]
    return _choose(tracks, [_pixels(track) for track in tracks])


def choose_sound(container: Any) -> Any | None:
    """Return the sound track that a player plays: the default one, of several that with the most channels; None without one."""
    tracks = list(container.streams.audio)
    return _choose(tracks, [_channels(track) for track in tracks])


def describe_choice(chosen: Any, tracks: Sequence[Any], kind: str) -> str | None:
    """Describe which of several tracks was chosen; None if there was no choice. kind: "picture" or "sound"."""
    tracks = [track for track in tracks if not track.disposition & _THUMBNAILS]
    if len(tracks) < 2:
        return None
    size = f" ({chosen.width} x {chosen.height})" if kind == "picture" else ""
    return f"{kind} track {tracks.index(chosen) + 1} of {len(tracks)} is read{size}"


def packets(container: Any, *streams: Any) -> Iterator[Any]:
    """Yield the packets of streams, then the empty ones that flush their decoders.

    Raises: DemuxError for whatever PyAV raises; also undocumented errors, such as an IndexError after a track appears late.
    """
    flushed: set[int] = set()
    demuxer = container.demux(*streams)
    try:
        while True:
            try:
                packet = next(demuxer, None)
            except Exception as error:  # PyAV's errors are not a closed set, and only PyAV runs here
                if len(flushed) == len(streams):
                    return  # all was read
                raise DemuxError(error) from error
            if packet is None:
                return
            if not packet.size:
                flushed.add(packet.stream.index)  # its own stream_index is not set
            yield packet
    finally:
        demuxer.close()


class DemuxError(Exception):
    """Reading packets ended with an error."""


def decode_packet(packet: Any) -> Sequence[Any]:
    """Decode a packet. Raises: DecodeError for whatever PyAV raises."""
    try:
        frames: Sequence[Any] = packet.decode()
    except Exception as error:
        raise DecodeError(error) from error
    return frames


class DecodeError(Exception):
    """A packet cannot be decoded."""


def _choose(tracks: Sequence[Any], sizes: Sequence[int]) -> Any | None:
    usable = [(track, size) for track, size in zip(tracks, sizes, strict=True) if track.codec_context is not None]
    if not usable:
        return tracks[0] if tracks else None
    return max(usable, key=lambda pair: (bool(pair[0].disposition & _Disposition.default), pair[1]))[0]


def _pixels(track: Any) -> int:
    codec = track.codec_context
    return 0 if codec is None else codec.width * codec.height


def _channels(track: Any) -> int:
    codec = track.codec_context
    return 0 if codec is None or not codec.sample_rate else codec.layout.nb_channels
