"""Episodes of expressions: smoothed probabilities, a threshold to enter and one to leave, a minimum duration, a gap to merge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercli.coding.recordings import ROUNDING_S, Recording, Track
from fercli.errors import UsageError
from fercli.results import Who


@dataclass(frozen=True)
class EpisodeOptions:
    """How episodes are found. The defaults are those of docs/coding.md, where they are measured.

    smooth_s: width of the centred moving average of the probabilities. An episode of an expression is a time in which it is
    the most probable one, its smoothed probability never falls below `leave`, and reaches `enter` at least once. Episodes of one
    expression that are at most merge_gap_s apart are one, if nothing else lies between them. Those shorter than min_duration_s
    are removed.

    Raises: UsageError for values out of range.
    """

    smooth_s: float = 0.4
    enter: float = 0.6
    leave: float = 0.5
    min_duration_s: float = 0.3
    merge_gap_s: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.leave <= self.enter <= 1:
            raise UsageError(
                f"enter {self.enter:g}, leave {self.leave:g}: must be probabilities, leave not above enter",
                fix="--enter 0.6 --leave 0.5",
            )
        if min(self.smooth_s, self.min_duration_s, self.merge_gap_s) < 0:
            raise UsageError("smoothing, minimum duration and gap are seconds from 0", fix="--smooth 0.4")

    def as_settings(self) -> dict[str, str]:
        """Return the settings as name and value, as tables of episodes record them."""
        return {
            "smoothing of episodes": f"centred moving average over {self.smooth_s:g} s",
            "episode thresholds": f"enter at {self.enter:g}, leave below {self.leave:g}",
            "minimum duration of an episode": f"{self.min_duration_s:g} s",
            "gap merged into an episode": f"up to {self.merge_gap_s:g} s",
        }


@dataclass(frozen=True)
class Episode:
    """A time in which a person shows one expression. Times are seconds of the video.

    person: the number of a track, or a name; tracks: the numbers of all its tracks. apex_s: start of the frame with the highest
    smoothed probability, which is `peak`. mean: mean over time of the smoothed probability from onset to offset. baseline: of
    the person, see `Track`.
    """

    source: str
    person: Who
    tracks: tuple[int, ...]
    expression: str
    onset_s: float
    apex_s: float
    offset_s: float
    peak: float
    mean: float
    baseline: str | None = None

    @property
    def duration_s(self) -> float:
        return self.offset_s - self.onset_s


def episodes(recording: Recording, options: EpisodeOptions | None = None, *, min_view_s: float = 0.0) -> list[Episode]:
    """Return the episodes of a video, by track or person in the order of the tracks, then by onset.

    Episodes of one person do not overlap. Faces that are too small or perhaps no faces are treated as not in view.
    min_view_s: tracks that are in view for a shorter time are left out.
    """
    options = options or EpisodeOptions()
    tracks = [track for track in recording.tracks if recording.in_view_s(track) >= min_view_s - ROUNDING_S]
    return [episode for track in tracks for episode in _of_track(recording, track, options)]


@dataclass(frozen=True)
class _Run:
    """Frames `first` to `last` of a track, with one most probable class."""

    first: int
    last: int
    index: int


def _of_track(recording: Recording, track: Track, options: EpisodeOptions) -> Iterator[Episode]:
    usable = ~track.unreliable
    frames = track.frames[usable]
    if not len(frames):
        return
    begin_s, end_s = recording.begin_s[frames], recording.end_s[frames]
    smoothed = smooth(track.probabilities[usable], begin_s, end_s, options.smooth_s, max_gap_s=options.merge_gap_s)
    runs = _runs(smoothed, begin_s, end_s, options)
    runs = _merged(runs, begin_s, end_s, options.merge_gap_s)
    runs = [run for run in runs if end_s[run.last] - begin_s[run.first] >= options.min_duration_s - 1e-9]
    for run in _merged(runs, begin_s, end_s, options.merge_gap_s):
        span = slice(run.first, run.last + 1)
        values, seconds = smoothed[span, run.index], end_s[span] - begin_s[span]
        apex = int(values.argmax())
        yield Episode(
            recording.source,
            track.person,
            track.numbers,
            recording.classes[run.index],
            float(begin_s[run.first]),
            float(begin_s[run.first + apex]),
            float(end_s[run.last]),
            float(values[apex]),
            float(np.average(values, weights=seconds) if seconds.sum() > 0 else values.mean()),
            track.baseline,
        )


def smooth(
    values: NDArray[np.float64],
    begin_s: NDArray[np.float64],
    end_s: NDArray[np.float64],
    width_s: float,
    *,
    max_gap_s: float,
) -> NDArray[np.float64]:
    """Return the centred moving average over time of values [K, N] that hold from begin_s to end_s [K].

    The window is width_s wide, and cut off where the person is out of view for longer than max_gap_s; shorter gaps have no weight.
    """
    if width_s <= 0:
        return values
    starts = np.flatnonzero(np.append(True, begin_s[1:] - end_s[:-1] > max_gap_s + 1e-9))
    parts = []
    for first, last in zip(starts, [*starts[1:], len(values)], strict=True):
        begin, end = begin_s[first:last], end_s[first:last]
        edges = np.stack([begin, end], axis=1).ravel()  # [2K], ascending
        held = np.concatenate([values[first:last], np.ones((last - first, 1))], axis=1)  # the last column is the time
        integral = np.zeros((len(edges), held.shape[1]))
        integral[1::2] = np.cumsum(held * (end - begin)[:, None], axis=0)
        integral[2::2] = integral[1:-1:2]
        middle = (begin + end) / 2
        sums = _at(middle + width_s / 2, edges, integral) - _at(middle - width_s / 2, edges, integral)
        parts.append(sums[:, :-1] / np.maximum(sums[:, -1:], 1e-12))
    return np.concatenate(parts)


def _at(times: NDArray[np.float64], edges: NDArray[np.float64], integral: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate every column of integral [E, C] at times [K]: [K, C]."""
    return np.stack([np.interp(times, edges, column) for column in integral.T], axis=1)


def _runs(
    smoothed: NDArray[np.float64], begin_s: NDArray[np.float64], end_s: NDArray[np.float64], options: EpisodeOptions
) -> list[_Run]:
    """Return the runs of one most probable class above `leave` that reach `enter`; a long gap ends a run."""
    best, highest = smoothed.argmax(axis=1), smoothed.max(axis=1)
    state = np.where(highest >= options.leave, best, -1)
    gaps = begin_s[1:] - end_s[:-1] > options.merge_gap_s + 1e-9
    starts = np.flatnonzero(np.append(True, (np.diff(state) != 0) | gaps))
    runs = []
    for first, after in zip(starts, [*starts[1:], len(state)], strict=True):
        if state[first] >= 0 and highest[first:after].max() >= options.enter:
            runs.append(_Run(int(first), int(after) - 1, int(state[first])))
    return runs


def _merged(
    runs: Sequence[_Run], begin_s: NDArray[np.float64], end_s: NDArray[np.float64], max_gap_s: float
) -> list[_Run]:
    """Join neighbours of one class that are at most max_gap_s apart."""
    merged: list[_Run] = []
    for run in runs:
        before = merged[-1] if merged else None
        if (
            before is not None
            and before.index == run.index
            and begin_s[run.first] - end_s[before.last] <= max_gap_s + 1e-9
        ):
            merged[-1] = _Run(before.first, run.last, run.index)
        else:
            merged.append(run)
    return merged
