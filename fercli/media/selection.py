"""Choose the frames of a video that are read: the part of it, and how many per second."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from fercli.errors import UsageError
from fercli.formatting import clock

_ROUNDING_S = 0.001  # containers round times: a frame this much early is on time
_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_SELECTION = re.compile(r"(?:every frame|at most (\S+) per second)(?: from (\S+))?(?: to (\S+))?")


@dataclass(frozen=True)
class FrameSelection:
    """Which frames of a video are read, by their presentation times in seconds.

    start_s: frames shown from this time on. end_s: frames shown before this time; None: to the end. fps: the first frame
    of every interval of 1/fps seconds, counted from start_s; None: every frame. A slower video is read completely.
    Raises: UsageError for values out of range.
    """

    start_s: float = 0.0
    end_s: float | None = None
    fps: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < math.inf:
            raise UsageError(f"start is {self.start_s:g} s: must be at least 0", fix="--start 10")
        if self.end_s is not None and not self.start_s < self.end_s < math.inf:
            raise UsageError(f"end is {self.end_s:g} s: must be after the start at {self.start_s:g} s", fix="--end 20")
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise UsageError(f"fps is {self.fps:g}: must be above 0", fix="--fps 5")

    def __str__(self) -> str:
        rate = "every frame" if self.fps is None else f"at most {self.fps:g} per second"
        begin = f" from {clock(self.start_s, decimals=3)}" if self.start_s else ""
        return rate + begin + ("" if self.end_s is None else f" to {clock(self.end_s, decimals=3)}")

    @staticmethod
    def parse(text: str) -> FrameSelection:
        """Return the selection of a text that `str` returned, up to a thousandth of a second. Raises: UsageError."""
        parts = _SELECTION.fullmatch(text)
        if parts is None:
            raise UsageError(f"{text}: not a selection of frames", fix="every frame from 0:10.000 to 0:20.000")
        start, end = (None if part is None else parse_time(part, option="time") for part in (parts[2], parts[3]))
        return FrameSelection(start or 0.0, end, None if parts[1] is None else float(parts[1]))

    @property
    def seek_s(self) -> float:
        """A time at or before that of the first frame that is read."""
        return max(self.start_s - _ROUNDING_S, 0.0)

    def begins_after(self, time_s: float) -> bool:
        """Whether a frame shown from `time_s` on is before the part."""
        return time_s + _ROUNDING_S < self.start_s

    def ends_before(self, time_s: float) -> bool:
        """Whether a frame shown from `time_s` on is after the part."""
        return self.end_s is not None and time_s + _ROUNDING_S >= self.end_s

    def interval(self, time_s: float) -> int:
        """Return the index of the interval of 1/fps seconds in which a frame is shown. Needs fps."""
        return math.floor((time_s - self.start_s + _ROUNDING_S) * (self.fps or 0))

    def frames_of(self, frames: int | None, rate: float | None) -> int | None:
        """Estimate how many frames are read of a video with so many frames at a mean rate; None if that is unknown."""
        if self == EVERY_FRAME or frames is None:
            return frames
        if not rate:
            return None
        seconds = min(frames / rate, self.end_s or math.inf) - self.start_s
        return max(0, math.ceil(seconds * min(rate, self.fps or math.inf)))


EVERY_FRAME = FrameSelection()


class FrameChooser:
    """Decides frame by frame, in display order, whether a frame is read."""

    def __init__(self, selection: FrameSelection) -> None:
        self._selection = selection
        self._interval = -1  # of the last frame that was read

    def takes(self, time_s: float, *, lost: bool = False) -> bool:
        """Whether the frame shown from `time_s` on is read. lost: it cannot be decoded, so the next one replaces it."""
        if self._selection.begins_after(time_s) or self._selection.ends_before(time_s):
            return False
        if self._selection.fps is None:
            return True
        interval = self._selection.interval(time_s)
        if interval <= self._interval:
            return False
        self._interval = self._interval if lost else interval
        return True


def parse_time(text: str, *, option: str) -> float:
    """Return seconds of a time: 90, 90.5, 1:30 or 0:01:30.5. Raises: UsageError for any other text."""
    parts = _TIME.fullmatch(text.strip())
    if parts is None or (parts[2] is not None and float(parts[3]) >= 60) or (parts[1] and int(parts[2]) >= 60):
        raise UsageError(f"{option} {text}: not a time", fix=f"{option} 90, {option} 1:30 or {option} 0:01:30.5")
    return int(parts[1] or 0) * 3600 + int(parts[2] or 0) * 60 + float(parts[3])
