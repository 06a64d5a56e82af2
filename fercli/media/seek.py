"""Begin to decode a video at a key frame, with the index that a frame has when the whole video is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from fercli.media.tracks import packets as demuxed

# Formats and codecs in which every packet is one frame, so that the frames before a key frame can be counted without
# decoding them. (AVI has no presentation times; in VP8 and MPEG-4 some packets show no frame; a TS can lack packets.)
_FORMATS = ("mov", "matroska")
_CODECS = ("h264", "hevc", "av1", "vp9", "mjpeg", "prores", "dnxhd")
_MAX_PACKETS, _MAX_BYTES = 2_000, 64_000_000  # of packets that are kept while the last key frame is searched
_TRIES = 3  # key frames of an index that are tried, the last one first

Seconds = Callable[[int], float]  # of a presentation timestamp


@dataclass(frozen=True)
class Start:
    """Where decoding begins. packets: from a key frame on. index: of this frame, in display order. pts: its timestamp."""

    packets: Iterator[Any]
    index: int
    pts: int


def find_start(container: Any, stream: Any, start_s: float, *, seconds: Seconds) -> Start | None:
    """Return the last key frame that is shown at or before `start_s`; None if only a full read gives the right indices.

    Packets before it are skipped: by the index of an MP4 or MOV file, otherwise they are read but not decoded. The
    container must be fresh; after None it is not. Raises: DemuxError.
    """
    if container.format.name.split(",")[0] not in _FORMATS or stream.codec_context.name not in _CODECS:
        return None
    packets = demuxed(container, stream)
    first = _first_group(packets)
    if first is None:
        return None
    keys = _indexed_keys(stream, start_s, seconds)
    if not keys:
        return _scan(chain(first, packets), start_s, seconds, before=0)
    for target in list(keys)[: -_TRIES - 1 : -1]:  # a seek may end one key frame early, as it goes by another timestamp
        container.seek(target, stream=stream)
        packets = demuxed(container, stream)
        key = next(packets, None)
        if (
            key is not None
            and key.is_keyframe
            and key.dts in keys
            and key.pts is not None
            and seconds(key.pts) <= start_s
        ):
            return _scan(chain((key,), packets), start_s, seconds, before=keys[key.dts])
    return None


def _first_group(packets: Iterator[Any]) -> list[Any] | None:
    """Return the first packets up to the one after the key frame; None unless the video begins with a plain key frame."""
    group: list[Any] = []
    for packet in packets:
        if packet.pts is None:
            break
        group.append(packet)
        if packet.pts > group[0].pts:
            break
    plain = group and group[0].is_keyframe and all(packet.pts >= group[0].pts or packet.is_discard for packet in group)
    return group if plain else None


def _indexed_keys(stream: Any, start_s: float, seconds: Seconds) -> dict[int, int]:
    """Key frames up to `start_s` by the index of a file: decoding timestamp -> frames before; empty without a full index."""
    keys: dict[int, int] = {}
    entries = stream.index_entries
    if not stream.frames or stream.frames != len(entries):
        return keys
    before, last = 0, None
    for entry in entries:
        if last is not None and entry.timestamp <= last:
            return {}
        if seconds(entry.timestamp) > start_s:
            break
        if entry.is_keyframe:
            keys[entry.timestamp] = before
        before += not entry.is_discard
        last = entry.timestamp
    return keys


def _scan(packets: Iterator[Any], start_s: float, seconds: Seconds, *, before: int) -> Start | None:
    """Skip packets up to the last key frame shown at or before `start_s`; None if their timestamps are not in order."""
    group: list[Any] = []
    size, last = 0, None
    for packet in packets:
        if packet.pts is None:
            if packet.size:
                return None
            group.append(packet)  # the end of the file
            break
        if last is not None and (packet.dts is None or packet.dts <= last):
            return None
        last = packet.dts
        if packet.is_keyframe and group and seconds(packet.pts) <= start_s:
            before += sum(map(_is_shown, group))
            group, size = [], 0
        group.append(packet)
        size += packet.size
        if seconds(packet.pts) > start_s or len(group) >= _MAX_PACKETS or size >= _MAX_BYTES:
            break
    pts = group[0].pts if group else None
    if pts is None:
        return None
    leading = sum(_is_shown(packet) for packet in group if packet.pts is not None and packet.pts < pts)
    return Start(chain(group, packets), before + leading, pts)


def _is_shown(packet: Any) -> bool:
    return bool(packet.size) and not packet.is_discard
