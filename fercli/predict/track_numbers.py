"""Number the tracks of a video from 1 without gaps: a face in view for less than half a second has no number."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from fercli.media.images import Rgb
from fercli.media.sources import Source
from fercli.predict.image_result import ImageResult
from fercli.results import MIN_TRACK_S, Prediction

LOOK_AHEAD_S = 1.0
_MAX_PIXELS = 64_000_000  # of the frames that are held back: 192 MB, a second of full HD with 30 frames per second
_ROUNDING_S = 1e-6


def with_track_numbers(results: Iterable[ImageResult], *, pixels: bool = True) -> Iterator[ImageResult]:
    """Yield the results with the final numbers of their tracks, in order of first appearance.

    A frame in which a track begins is held back until it is known that the track is in view for MIN_TRACK_S, or for
    LOOK_AHEAD_S, or that it cannot be. A face whose track is shorter has `track` None afterwards. If no track of a video is
    long enough, those of its last second keep a number. Frames of live sources, and those beyond 64 megapixels, are not held
    back: in them every track has a number.
    pixels: whether the pixels of frames are needed. If not, they are freed and read as black, with the same shape.
    """
    video: _Video | None = None
    for result in results:
        if video is not None and (result.source is not video.source or result.frame is None):
            yield from video.end()
            video = None
        if result.frame is None or result.source.is_live:
            yield result
            continue
        video = video or _Video(result.source)
        yield from video.add(result if pixels or result.rgb is None else replace(result, rgb=_black(result.rgb)))
    if video is not None:
        yield from video.end()


def _black(rgb: Rgb) -> Rgb:
    """Return black pixels of the same shape, which take no memory."""
    return np.broadcast_to(np.uint8(0), rgb.shape)


@dataclass
class _Frame:
    """A frame and its tracks by their provisional numbers. seconds: how long it is shown; 0 until the next one begins."""

    result: ImageResult
    tracks: frozenset[int]
    seconds: float = 0.0
    is_held: bool = True

    @property
    def time_s(self) -> float:
        return self.result.time_s or 0.0

    @property
    def pixels(self) -> int:
        return 0 if self.result.rgb is None else self.result.rgb.shape[0] * self.result.rgb.shape[1]


class _Video:
    """The frames of one video that are held back."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._held: deque[_Frame] = deque()
        self._newest: _Frame | None = None
        self._interval_s = 0.0
        self._in_view_s: defaultdict[int, float] = defaultdict(float)  # of short tracks, in the frames held back
        self._long: set[int] = set()
        self._numbers: dict[int, int] = {}

    def add(self, result: ImageResult) -> Iterator[ImageResult]:
        """Add the next frame; yields the frames whose tracks are known to be long or short."""
        tracks = frozenset(row.track for row in result.predictions if row.track is not None)
        frame = _Frame(result, tracks)
        self._end_newest(frame.time_s)
        self._newest = frame
        self._held.append(frame)
        while self._held:
            first = self._held[0]
            if not self._is_decided(first, frame.time_s):
                if sum(held.pixels for held in self._held) <= _MAX_PIXELS:
                    return
                self._long |= first.tracks
            yield self._release()

    def _is_decided(self, frame: _Frame, now_s: float) -> bool:
        """Whether it is known of every track of the first frame if it is long: within LOOK_AHEAD_S from its time on."""
        left_s = LOOK_AHEAD_S - (now_s - frame.time_s)
        short = MIN_TRACK_S - left_s - _ROUNDING_S
        return left_s <= _ROUNDING_S or all(self._in_view_s[track] < short for track in frame.tracks - self._long)

    def end(self) -> Iterator[ImageResult]:
        """Yield the remaining frames; the newest is shown as long as the one before it."""
        if self._newest is not None:
            self._end_newest(self._newest.time_s + self._interval_s)
        if not self._long:
            self._long = {track for frame in self._held for track in frame.tracks}
        while self._held:
            yield self._release()

    def _end_newest(self, time_s: float) -> None:
        frame = self._newest
        if frame is None:
            return
        frame.seconds = max(time_s - frame.time_s, 0.0)
        self._interval_s = frame.seconds or self._interval_s
        for track in frame.tracks - self._long if frame.is_held else ():
            self._in_view_s[track] += frame.seconds
            if self._in_view_s[track] >= MIN_TRACK_S - _ROUNDING_S:
                self._long.add(track)
                del self._in_view_s[track]

    def _release(self) -> ImageResult:
        """Return the first frame that is held back, with the numbers of its tracks."""
        frame = self._held.popleft()
        frame.is_held = False
        for track in frame.tracks - self._long:
            self._in_view_s[track] -= frame.seconds
            if self._in_view_s[track] <= _ROUNDING_S:
                del self._in_view_s[track]
        return replace(frame.result, predictions=tuple(map(self._numbered, frame.result.predictions)))

    def _numbered(self, prediction: Prediction) -> Prediction:
        if prediction.track is None:
            return prediction
        number = None
        if prediction.track in self._long:
            number = self._numbers.setdefault(prediction.track, len(self._numbers) + 1)
        return prediction if number == prediction.track else replace(prediction, track=number)
