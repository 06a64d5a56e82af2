"""Write RGB frames at their times as H.264 that browsers play, with the sound of the original."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from fercli.media.images import Rgb
from fercli.media.selection import EVERY_FRAME, FrameSelection
from fercli.media.sound import Sound, open_sound

_CLOCK = Fraction(1, 90_000)  # s: fine enough for any frame rate
_LONGEST = round(3 * 3600 / _CLOCK)  # between two frames: MP4 states that of three with 31 bits
_FIRST_S = 0.04  # s: duration of a single frame
_RATE = 30  # frames/s: determines the H.264 level only; frames keep their own times
_BT709 = 1  # ITU-T H.273: matrix, primaries and transfer of HD video; sRGB's primaries


class VideoWriter:
    """Writes RGB frames at their own times: H.264, yuv420p, with the index at the start of the file.

    The video has the size of the first frame; later frames of another size are stretched to it.

    sound: a file or address whose sound track is copied; None, or a file without one, gives a silent video. Errors of the
        sound never end the video: `note` says what is missing. part: the part of the sound, from whose start times count.
    crf, preset: x264's. superfast at 22 is as close to the original as veryfast at 20, in 0.7 of its time; with one B-frame
        at 22.5 as with three at 22, in 0.8 of the time and with 40 MB less at 1080p.
    yuv420p needs even sides: an odd one is extended by repeating the last row or column.
    """

    def __init__(
        self,
        path: Path,
        *,
        crf: float = 22.5,
        preset: str = "superfast",
        sound: Path | str | None = None,
        part: FrameSelection = EVERY_FRAME,
    ) -> None:
        self._options = {
            "crf": str(crf),
            "preset": preset,
            "bf": "1",
            "g": "120",
        }  # a key frame every few seconds, to seek
        self._path = path
        self._container = _open_mp4(path)
        self._sound_path, self._part = sound, part
        self._notes: list[str] = []
        self._sound: Sound | None = None
        self._stream: Any = None
        self._last_pts = -1
        self._left_out = 0  # of gaps that are too long
        self._interval_s = _FIRST_S

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close(complete=kind is None)

    def write(self, rgb: Rgb, time_s: float, *, duration_s: float | None = None) -> None:
        """Append a frame uint8 [H, W, 3] that is shown from `time_s` on; times must not decrease.

        duration_s: how long it is shown if it is the last one; None: as long as the one before.
        """
        even = np.pad(rgb, ((0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)), mode="edge") if _odd(rgb) else rgb
        if self._stream is None:
            self._open(even.shape[1], even.shape[0])
        picture = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
            self._stream.width, self._stream.height, "yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
        )
        pts = self._pts(time_s)
        if self._last_pts >= 0:
            self._interval_s = float((pts - self._last_pts) * _CLOCK)
        if duration_s:
            self._interval_s = min(duration_s, float(_LONGEST * _CLOCK))
        self._last_pts = picture.pts = pts
        picture.time_base = _CLOCK
        if self._sound is not None:
            self._sound.write_until(time_s)
        self._mux(picture)

    def _pts(self, time_s: float) -> int:
        """Timestamp of the next frame; a gap that MP4 cannot state, as broken timestamps have, is shortened."""
        pts = max(round(time_s / _CLOCK) - self._left_out, self._last_pts + 1)
        if self._last_pts < 0 or pts - self._last_pts <= _LONGEST:
            return pts
        if not self._left_out:
            self._notes.append("gaps of more than 3 hours between frames are shortened in the copy")
        self._left_out += pts - self._last_pts - _LONGEST
        return self._last_pts + _LONGEST

    @property
    def note(self) -> str | None:
        """One sentence if the sound is not complete, or one of several tracks; complete after `close`."""
        fault = self._sound.fault if self._sound is not None else None
        return "; ".join([*self._notes, *([fault] if fault else [])]) or None

    def close(self, *, complete: bool = True) -> None:
        """Finish the file. complete: with the sound after the last frame."""
        try:
            if self._stream is not None:
                self._mux(None)
            if self._sound is not None and complete:
                self._sound.write_until(None)
        finally:
            if self._sound is not None:
                self._sound.close()
            self._container.close()

    def _mux(self, picture: Any) -> None:
        for packet in self._stream.encode(picture):
            # matters for the last frame only: others last until the next one
            packet.duration = round(self._interval_s / _CLOCK)
            self._container.mux(packet)

    def _open(self, width: int, height: int) -> None:
        """Add the streams and write the header; without the sound if MP4 does not accept it."""
        self._add_video(width, height)
        if self._sound_path is None:
            return
        self._sound, note = open_sound(self._sound_path, self._container, self._part)
        self._notes += [note] if note else []
        if self._sound is None:
            return
        try:
            self._container.start_encoding()
        except (av.FFmpegError, ValueError, OSError) as error:
            self._sound.close()
            self._sound = None
            self._notes.append(f"the copy has no sound ({getattr(error, 'strerror', None) or error})")
            self._container.close()
            self._container = _open_mp4(self._path)
            self._add_video(width, height)

    def _add_video(self, width: int, height: int) -> None:
        self._stream = self._container.add_stream("libx264", rate=_RATE, options=self._options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        codec = self._stream.codec_context
        codec.time_base = self._stream.time_base = _CLOCK
        codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
        codec.color_range = 1  # 16..235


def _open_mp4(path: Path) -> Any:
    """Open a file for writing; the format is set because a temporary name may have any suffix."""
    return av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})


def _odd(rgb: Rgb) -> bool:
    return bool(rgb.shape[0] % 2 or rgb.shape[1] % 2)
