"""Continuous timestamps for a file that contains several joined recordings, where timestamps restart."""

from __future__ import annotations

_BACK_S = 0.5  # a larger step back is another recording; B-frames and imprecise times step back less


class JoinedTimes:
    """Maps the timestamps of two or more tracks to seconds that increase across recordings.

    start_s: timestamp of the start of the file. All tracks of one recording keep their distance in time.
    """

    def __init__(self, start_s: float) -> None:
        self._shift_s = -start_s
        self._recording = 0
        self._end_s = 0.0
        self._tracks: dict[int, tuple[int, float]] = {}  # track -> (recording, last timestamp)

    def seconds(self, track: int, stamp_s: float, duration_s: float) -> float:
        """Return the time of a packet; packets of a track come in order."""
        recording, last_s = self._tracks.get(track, (0, stamp_s))
        if stamp_s < last_s - _BACK_S:
            if recording == self._recording:  # the first track that steps back begins the next recording
                self._recording += 1
                self._shift_s = self._end_s - stamp_s
            recording = self._recording
        self._tracks[track] = recording, stamp_s
        time_s = stamp_s + self._shift_s
        if recording == self._recording:
            self._end_s = max(self._end_s, time_s + duration_s)
        return time_s
