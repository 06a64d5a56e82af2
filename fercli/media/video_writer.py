"""RGB frames with their times in, an H.264 file that browsers play out, with the sound of the original."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from fercli.media.images import Rgb
from fercli.media.sound import Sound, open_sound

_CLOCK = Fraction(1, 90_000)  # s: fine enough for any frame rate
_FIRST_S = 0.04  # s: how long a lone frame is shown
_RATE = 30  # frames/s: what the H.264 level is chosen for; times are those of the frames
_BT709 = 1  # ITU-T H.273: matrix, primaries and transfer of HD video; sRGB's primaries


class VideoWriter:
    """Write RGB frames at their true times: H.264, yuv420p, the index in front, as browsers want it.

    The first frame's size is the video's; where the size changes on the way, frames are stretched to it.

    sound: a file or address whose first sound track comes along, None or a file without one: a silent video.
    crf, preset: x264's; superfast at 22 is as near to the original as veryfast at 20, in 0.7 of its time.
    Odd sides are grown by one repeated row or column, as yuv420p needs even ones.
    """

    def __init__(
        self, path: Path, *, crf: int = 22, preset: str = "superfast", sound: Path | str | None = None
    ) -> None:
        self._options = {"crf": str(crf), "preset": preset, "g": "120"}  # a key frame every few seconds, to seek
        # the suffix does not choose: a temporary name may carry any
        self._container: Any = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._sound_path = sound
        self._sound: Sound | None = None
        self._stream: Any = None
        self._last_pts = -1
        self._interval_s = _FIRST_S

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close(complete=kind is None)

    def write(self, rgb: Rgb, time_s: float) -> None:
        """Append a frame uint8 [H, W, 3] shown from `time_s` on; times must not fall."""
        even = np.pad(rgb, ((0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)), mode="edge") if _odd(rgb) else rgb
        if self._stream is None:
            self._open(even.shape[1], even.shape[0])
        picture = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
            self._stream.width, self._stream.height, "yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
        )
        pts = max(round(time_s / _CLOCK), self._last_pts + 1)
        if self._last_pts >= 0:
            self._interval_s = float((pts - self._last_pts) * _CLOCK)
        self._last_pts = picture.pts = pts
        picture.time_base = _CLOCK
        if self._sound is not None:
            self._sound.write_until(time_s)
        self._mux(picture)

    def close(self, *, complete: bool = True) -> None:
        """Finish the file; complete: with the sound that goes on after the last frame."""
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
            packet.duration = round(
                self._interval_s / _CLOCK
            )  # counts for the last one only: others last until the next
            self._container.mux(packet)

    def _open(self, width: int, height: int) -> None:
        self._stream = self._container.add_stream("libx264", rate=_RATE, options=self._options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        codec = self._stream.codec_context
        codec.time_base = self._stream.time_base = _CLOCK
        codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
        codec.color_range = 1  # 16..235
        if self._sound_path is not None:
            self._sound = open_sound(self._sound_path, self._container)


def _odd(rgb: Rgb) -> bool:
    return bool(rgb.shape[0] % 2 or rgb.shape[1] % 2)
