"""Times in tables of events: seconds, m:ss or h:mm:ss, with a point or a comma."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fercli.errors import DataError

_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:[.,]\d*)?(?:e[-+]?\d+)?)", re.IGNORECASE)
_WITH_FRAMES = re.compile(r"\d+:\d{1,2}:\d{1,2}[:;]\d{1,3}")
_TWO_DIGITS = re.compile(r"\d+:\d{2}:\d{2}[.,](\d{2})")
_HIGHEST_RATE = 30  # frames per second: two digits below it are perhaps numbers of frames
_FEWEST = 10  # times from which on this is not chance


def seconds_of(text: str, where: str) -> float:
    """Return seconds of a number, m:ss or h:mm:ss. where: for the DataError of anything else."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        fix = "seconds, m:ss or h:mm:ss"
        if _WITH_FRAMES.fullmatch(text.strip()):
            fix += ", with a fraction of a second instead of the number of a frame: 0:00:05.48"
        raise DataError(f"{where}: {text.strip()!r} is not a time", fix=fix)
    hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def looks_like_frames(texts: Iterable[str]) -> bool:
    """Whether the two digits after h:mm:ss are probably numbers of frames: all are below 30, and not all are 0."""
    matches = [match for text in texts if (match := _TWO_DIGITS.fullmatch(text.strip()))]
    numbers = [int(match.group(1)) for match in matches]
    return len(numbers) >= _FEWEST and 0 < max(numbers) < _HIGHEST_RATE
