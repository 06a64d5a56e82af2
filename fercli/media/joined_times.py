"""Times of sound in a file of joined recordings, whose timestamps start again: in step with the pictures of `FrameClock`."""

from __future__ import annotations

_REORDERED = 32  # frames; pictures are decoded at most so much earlier than they are shown
_SOUND_BACK_S = 0.05  # sound that steps back less has imprecise times, or a position after that of the next recording


class JoinedTimes:
    """Maps timestamps of packets to seconds that increase across recordings.

    A recording begins where the timestamps of pictures step back, and continues from the last picture before. All its tracks
    keep their distance in time. Packets of a track come in order; those of two tracks may not, so that the sound of a
    recording can come before its first picture.

    start_s: timestamp of the start of the file. interval_s: between two pictures.
    """

    def __init__(self, start_s: float, *, interval_s: float) -> None:
        self._interval_s = interval_s
        self._shifts_s = [-start_s]  # by recording
        self._positions = [0]  # in the file, by recording
        self._newest_s: float | None = None  # latest picture of the recording
        self._sound, self._last_sound_s = 0, -float("inf")

    def add_picture(self, stamp_s: float, *, is_key: bool, position: int | None) -> None:
        """Take the next packet of the pictures into account. position: of the packet in the file, in bytes."""
        newest_s = self._newest_s
        if newest_s is not None:
            # a key frame is shown after all pictures that were decoded before it
            reordered_s = 0.0 if is_key else _REORDERED * self._interval_s
            if stamp_s < newest_s - reordered_s:
                self._shifts_s.append(newest_s + self._interval_s + self._shifts_s[-1] - stamp_s)
                self._positions.append(self._positions[-1] if position is None else position)
                newest_s = None
        self._newest_s = stamp_s if newest_s is None else max(newest_s, stamp_s)

    def recording_of_sound(self, stamp_s: float, position: int | None) -> int:
        """Return the number of the recording to which the next packet of the sound belongs."""
        newest = self.newest
        if stamp_s < self._last_sound_s - _SOUND_BACK_S:
            self._sound += 1
        elif position is not None and self._sound < newest and position >= self._positions[newest]:
            self._sound = newest
        self._last_sound_s = stamp_s
        return self._sound

    def seconds(self, recording: int, stamp_s: float) -> float | None:
        """Return the time of a packet of this recording; None before its first picture."""
        return self._shifts_s[recording] + stamp_s if recording < len(self._shifts_s) else None

    @property
    def newest(self) -> int:
        """Number of the recording of the latest picture."""
        return len(self._shifts_s) - 1

    def revoke_step(self) -> None:
        """Continue the recording: the sound stepped back without the pictures, so its timestamps are broken."""
        self._sound = self.newest
