"""Length, frame rate and tracks of a media file, as its header states them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av

from fercli.media.containers import is_list, open_file
from fercli.media.tracks import choose_sound, choose_video


@dataclass(frozen=True)
class MediaDetails:
    """length_s: of the whole file, so of the longer of sound and picture. fps: mean frame rate; None without a picture."""

    length_s: float
    fps: float | None
    has_sound: bool

    @property
    def has_picture(self) -> bool:
        return self.fps is not None


def media_details(path: Path) -> MediaDetails | None:
    """Return what the header of a media file states; None if it is not a media file, or states no length."""
    try:
        if is_list(path):
            return None
        with open_file(path) as container:
            if not container.duration or container.duration <= 0:
                return None
            video = choose_video(container)
            rate = None if video is None else float(video.average_rate or video.guessed_rate or 0)
            return MediaDetails(float(container.duration) / av.time_base, rate, choose_sound(container) is not None)
    except (av.FFmpegError, OSError, ValueError):
        return None
