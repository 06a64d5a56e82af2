"""Time per expression of every track or person of a video, and of the video as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fercli.coding.correction import CorrectedShares, Correction, corrected_shares
from fercli.coding.episodes import Episode, EpisodeOptions, episodes
from fercli.coding.recordings import Recording, Track
from fercli.formatting import pluralize
from fercli.results import Who

_SHARE_STEPS = 1_000_000
Level = Literal["track", "person", "video"]


@dataclass(frozen=True)
class Summary:
    """A track of a video, a named person, or with the level `video` all of them together.

    person: the number of the track, or the name; tracks: the numbers of all its tracks.
    first_s, last_s: start of the first and end of the last frame with the person (of the video: of the frames that were read).
    frames: frames with the person (of the video: frames that were read). frames_without_face, without_face_s: decoded frames
    with nobody in view; not_decoded_s: frames that could not be decoded; of a person these three are None.
    in_view_s: time with the person in view; of the video the sum over its people, so two people in view for 1 s are 2 s, with
    faces that are in view too briefly for a track.
    seconds: [N] time in which each class was predicted with status `ok`. uncertain_s: the rest of in_view_s.
    mean_probability: mean over time of the predicted class's probability where the status is `ok`; None if there is no such time.
    mean_probabilities: [N] mean over the time in view, without faces that are too small or perhaps no faces; None without any.
    episodes: [N] number of episodes. corrected: shares by a confusion matrix, None without one or if nobody was in view.
    baseline: of the person, see `Track`; of the video, how many of its tracks have one.
    """

    source: str
    level: Level
    person: Who
    tracks: tuple[int, ...]
    classes: tuple[str, ...]
    first_s: float
    last_s: float
    frames: int
    frames_without_face: int | None
    without_face_s: float | None
    not_decoded_s: float | None
    in_view_s: float
    seconds: NDArray[np.float64]
    uncertain_s: float
    mean_probability: float | None
    mean_probabilities: NDArray[np.float64] | None
    episodes: NDArray[np.int64]
    corrected: CorrectedShares | None = None
    baseline: str | None = None

    @property
    def shares(self) -> NDArray[np.float64]:
        """Shares of in_view_s of each class and, last, of uncertain time: [N + 1], with six decimals, as they are written.

        They add up to 1; zeros if nobody was in view.
        """
        return np.array(whole_shares([*self.seconds.tolist(), self.uncertain_s]))


def summaries(
    recording: Recording,
    options: EpisodeOptions | None = None,
    *,
    min_view_s: float = 0.0,
    correction: Correction | None = None,
) -> list[Summary]:
    """Return one summary per track or named person, in the order of the tracks, and one of the video.

    min_view_s: episodes of tracks that are in view for a shorter time do not count.
    """
    found = episodes(recording, options, min_view_s=min_view_s)
    people = [
        _summary(
            recording,
            (track,),
            [episode for episode in found if episode.person == track.person],
            correction,
            level="person" if isinstance(track.person, str) else "track",
        )
        for track in recording.tracks
    ]
    everybody = recording.tracks if recording.brief is None else (*recording.tracks, recording.brief)
    return [*people, _summary(recording, everybody, found, correction, level="video")]


def whole_shares(shares: Sequence[float]) -> list[float]:
    """Round shares to six decimals that add up to 1 exactly (largest remainder); zeros stay zeros."""
    if not sum(shares) > 0:
        return [0.0 for _ in shares]
    exact = np.array(shares) / sum(shares) * _SHARE_STEPS
    steps = np.floor(exact).astype(int)
    missing = _SHARE_STEPS - int(steps.sum())
    steps[np.argsort(steps - exact, kind="stable")[:missing]] += 1
    return [float(step) / _SHARE_STEPS for step in steps]


def _summary(
    recording: Recording,
    tracks: Sequence[Track],
    found: Sequence[Episode],
    correction: Correction | None,
    *,
    level: Level,
) -> Summary:
    classes = len(recording.classes)
    seconds, sums = np.zeros(classes), np.zeros(classes)
    uncertain_s = in_view_s = probability_s = reliable_s = 0.0
    for track in tracks:
        shown_s = recording.seconds[track.frames]
        certain, reliable = ~track.uncertain, ~track.unreliable
        seconds += np.bincount(track.labels[certain], shown_s[certain], minlength=classes)
        uncertain_s += float(shown_s[track.uncertain].sum())
        in_view_s += float(shown_s.sum())
        highest = track.probabilities[np.arange(len(track.labels)), track.labels]
        probability_s += float((highest * shown_s)[certain].sum())
        sums += (track.probabilities * shown_s[:, None])[reliable].sum(axis=0)
        reliable_s += float(shown_s[reliable].sum())
    counts = Counter(episode.expression for episode in found)
    is_video = level == "video"
    frames = np.arange(len(recording.numbers)) if is_video else tracks[0].frames
    alone = recording.decoded & ~recording.has_face
    certain_s = float(seconds.sum())
    return Summary(
        source=recording.source,
        level=level,
        person=None if is_video else tracks[0].person,
        tracks=() if is_video else tracks[0].numbers,
        classes=recording.classes,
        first_s=float(recording.begin_s[frames[0]]),
        last_s=float(recording.end_s[frames[-1]]),
        frames=len(frames),
        frames_without_face=int(alone.sum()) if is_video else None,
        without_face_s=float(recording.seconds[alone].sum()) if is_video else None,
        not_decoded_s=float(recording.seconds[~recording.decoded].sum()) if is_video else None,
        in_view_s=in_view_s,
        seconds=seconds,
        uncertain_s=uncertain_s,
        mean_probability=probability_s / certain_s if certain_s > 0 else None,
        mean_probabilities=sums / reliable_s if reliable_s > 0 else None,
        episodes=np.array([counts[name] for name in recording.classes]),
        corrected=None if correction is None else corrected_shares(recording, tracks, correction),
        baseline=_baselines(tracks) if is_video else tracks[0].baseline,
    )


def _baselines(tracks: Sequence[Track]) -> str | None:
    """Return how many tracks have a baseline; None if none has."""
    count = sum(track.baseline is not None for track in tracks)
    return f"{count} of {pluralize(len(tracks), 'track')}" if count else None
