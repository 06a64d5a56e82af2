"""The segments of a JPEG file, and what its scans tell; ITU-T T.81, annexes B and G."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

SCAN, END = 0xDA, 0xD9  # markers
_BASELINE, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # of a segment: in the data of a scan, 0 and restarts follow FF
_MOST_SCANS = 50  # encoders write about ten


class JpegSegment(NamedTuple):
    """A segment: bytes `start` to `end` of the file, marker and length included, and its payload."""

    marker: int
    start: int
    end: int
    payload: bytes


def segments(content: bytes) -> Iterator[JpegSegment]:
    """Yield the segments up to the end marker; the data of the scans, and bytes between segments, are skipped."""
    position = 2
    while (found := _MARKER.search(content, position)) is not None:
        start, marker = found.start(), content[found.start() + 1]
        if marker == END or start + 4 > len(content):
            return
        position = start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")
        yield JpegSegment(marker, start, position, content[start + 4 : position])


def is_sequential(content: bytes) -> bool:
    """Whether a JPEG is decoded row by row: baseline, all colours in one scan. content: its first bytes are enough."""
    colours = 0
    for segment in segments(content):
        if segment.marker in _BASELINE:
            colours = segment.payload[5]
        if segment.marker == SCAN:
            return colours > 0 and segment.payload[0] == colours
    return False


def has_many_scans(content: bytes) -> bool:
    """Whether a progressive JPEG has more scans than encoders write: each goes over all pixels, which takes minutes."""
    scans, is_progressive = 0, False
    for segment in segments(content):
        if segment.marker in _BASELINE:
            return False
        is_progressive = is_progressive or segment.marker == _PROGRESSIVE
        scans += segment.marker == SCAN
        if scans > _MOST_SCANS:
            return is_progressive
    return False


def has_all_scans(content: bytes) -> bool:
    """Whether a progressive JPEG has scans for all bits of all coefficients; True for other JPEGs."""
    missing: dict[int, list[int]] = {}  # component -> bits that its 64 coefficients still lack
    for marker, _, _, payload in segments(content):
        if marker == _PROGRESSIVE:
            missing = {payload[6 + 3 * part]: [1] * 64 for part in range(payload[5])}
        elif marker == SCAN and missing:
            count = payload[0]
            first, last, bits = payload[1 + 2 * count], payload[2 + 2 * count], payload[3 + 2 * count] & 15
            for part in range(count):
                coefficients = missing.get(payload[1 + 2 * part], [])
                coefficients[first : last + 1] = [bits] * (last + 1 - first)
    return not any(any(coefficients) for coefficients in missing.values())
