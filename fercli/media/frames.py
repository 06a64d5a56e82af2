"""A frame of a video, and the suffixes of video files. Loads no decoder."""

from __future__ import annotations

from dataclasses import dataclass

from fercli.media.images import Rgb

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".flv", ".3gp", ".3g2", ".ogv", ".ogm", ".qt"),
    *(
        ".mpg",
        ".mpeg",
        ".mpe",
        ".m1v",
        ".m2v",
        ".ts",
        ".mts",
        ".m2ts",
        ".m2t",
        ".vob",
        ".mxf",
        ".dv",
        ".mjpeg",
        ".mjpg",
    ),
    *(".f4v", ".divx", ".rm", ".rmvb", ".wtv", ".h264", ".264", ".h265", ".265", ".hevc", ".ivf", ".nut", ".y4m"),
)


@dataclass(frozen=True)
class Frame:
    """One frame of a video: its index in display order, its presentation time, and its pixels, upright.

    rgb: None for a frame that could not be decoded, or only with damage; fault is the reason. duration_s: how long it is
    shown, None if unknown.
    """

    index: int
    time_s: float
    rgb: Rgb | None
    fault: str | None = None
    duration_s: float | None = None
