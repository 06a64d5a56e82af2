"""Count the pictures and frames of sources before they are read, from the headers of the files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from threading import Event, Thread

from fercli.media.animation import ANIMATED_SUFFIXES, count_frames
from fercli.media.sources import Source

_WAIT_S = 1.0  # reading begins after this time, even if files are still being counted


class Remaining:
    """The number of pictures and frames still to come, None until all files are counted and with live sources.

    A thread opens the files, so that reading a large folder need not wait for it.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources, self._stop = sources, Event()
        self._counts: list[int] | None = None
        self._after: list[int] = []
        if any(source.is_live for source in sources):
            return
        if not any(_is_opened(source) for source in sources):
            self._count()
            return
        thread = Thread(target=self._count, name="count frames", daemon=True)
        thread.start()
        thread.join(_WAIT_S)

    def close(self) -> None:
        """Stop counting."""
        self._stop.set()

    def after(self, index: int) -> int | None:
        """Return the number still to come after this source."""
        return None if self._counts is None else self._after[index]

    def after_frame(self, index: int, read: int) -> int | None:
        """Return the number still to come when `read` frames of this source have been read."""
        return None if self._counts is None else max(0, self._counts[index] - read) + self._after[index]

    def _count(self) -> None:
        counts = []
        for source in self._sources:
            if self._stop.is_set():
                return
            counts.append(count_items(source))
        total = sum(counts)
        self._after = [total - so_far for so_far in accumulate(counts)]
        self._counts = counts


def count_items(source: Source) -> int:
    """Return the number of pictures and frames of a source, by its header; 1 for a file that cannot be opened.

    The frames of a video whose header does not count them are its duration times its mean frame rate.
    """
    if not _is_opened(source):
        return 1
    import av  # FFmpeg is not needed for pictures

    from fercli.media.containers import is_list, open_file
    from fercli.media.tracks import choose_video

    try:
        if source.path.suffix.lower() in ANIMATED_SUFFIXES:
            return max(1, source.selection.frames_of(count_frames(source.path), None) or 1)
        if is_list(source.path):
            return 1
        with open_file(source.path) as container:
            stream = choose_video(container)
            if stream is None:
                return 1
            rate = float(stream.average_rate or 0)
            frames = stream.frames or round(float(container.duration or 0) / av.time_base * rate)
            return max(1, source.selection.frames_of(frames, rate) or 1)
    except (av.FFmpegError, OSError, ValueError):
        return 1


def _is_opened(source: Source) -> bool:
    """Whether a file must be opened to count it. A PNG is taken for one picture, as opening all of them costs too much."""
    if source.fault or source.address is not None:
        return False
    return source.kind == "video" or source.path.suffix.lower() in set(ANIMATED_SUFFIXES) - {".png"}
