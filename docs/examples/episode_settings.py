"""How stable episodes are under settings: `python episode_settings.py TABLE...`, tables of fer predict with every frame.

The even and the odd frames of a video are two recordings of the same behaviour. Prints, for one setting a line: episodes of the
whole videos and how many are shorter than 0.2 s, the F1 of the episodes of the two halves (onsets at most 0.25 s apart), and
the share of the time with a certain prediction that lies in an episode of this expression.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fercli.coding.annotations import Annotation
from fercli.coding.episodes import Episode, EpisodeOptions, episodes
from fercli.coding.event_matching import match_events
from fercli.coding.recordings import Recording, recordings
from fercli.results import Prediction, Who
from fercli.rows.read import read_rows

RAW = EpisodeOptions(smooth_s=0, enter=0, leave=0, min_duration_s=0, merge_gap_s=0)
DEFAULT = EpisodeOptions()


def settings() -> Iterator[tuple[str, EpisodeOptions]]:
    """Yield the labels as they are, then the defaults with one value changed at a time."""
    yield "labels of frames", RAW
    for smooth in (0, 0.2, 0.4, 0.6, 1.0):
        yield f"smooth {smooth:g} s", EpisodeOptions(smooth_s=smooth)
    for enter, leave in ((0.5, 0.5), (0.6, 0.4), (0.6, 0.5), (0.7, 0.5), (0.8, 0.5)):
        yield f"enter {enter:g}, leave {leave:g}", EpisodeOptions(enter=enter, leave=leave)
    for duration in (0, 0.2, 0.3, 0.5):
        yield f"min duration {duration:g} s", EpisodeOptions(min_duration_s=duration)
    for gap in (0, 0.2, 0.3, 0.5):
        yield f"merge gap {gap:g} s", EpisodeOptions(merge_gap_s=gap)


def videos(paths: list[Path], keep: int | None = None) -> list[Recording]:
    """Return the videos of tables; keep: only the even (0) or the odd (1) frames."""

    def kept(predictions: Iterator[Prediction]) -> Iterator[Prediction]:
        return (row for row in predictions if keep is None or (row.frame or 0) % 2 == keep)

    tables = [read_rows(path) for path in paths]
    return [video for table in tables for video in recordings(kept(table.predictions()), table.labels)]


def by_person(found: list[Episode]) -> dict[Who, list[Annotation]]:
    people: dict[Who, list[Annotation]] = {}
    for episode in found:
        people.setdefault(episode.person, []).append(Annotation(episode.expression, episode.onset_s, episode.offset_s))
    return people


def f1_of_halves(even: list[Recording], odd: list[Recording], options: EpisodeOptions) -> float:
    matched = total = 0
    for one, two in zip(even, odd, strict=True):
        first, second = by_person(episodes(one, options)), by_person(episodes(two, options))
        for person in {*first, *second}:
            own, others = first.get(person, []), second.get(person, [])
            matched += len(match_events(own, others, 0.25))
            total += len(own) + len(others)
    return 2 * matched / max(total, 1)


def coverage(whole: list[Recording], options: EpisodeOptions) -> float:
    """Return the share of time with a certain label that lies in an episode of this expression."""
    inside = certain = 0.0
    for video in whole:
        found = episodes(video, options)
        for track in video.tracks:
            begin, seconds = video.begin_s[track.frames], video.seconds[track.frames]
            sure = ~track.uncertain
            certain += seconds[sure].sum()
            for episode in found:
                if episode.person == track.person:
                    within = (begin >= episode.onset_s - 1e-9) & (begin < episode.offset_s - 1e-9)
                    same = np.array([video.classes[label] == episode.expression for label in track.labels])
                    inside += seconds[sure & within & same].sum()
    return inside / max(certain, 1e-9)


def main(paths: list[Path]) -> None:
    whole, even, odd = (videos(paths, keep) for keep in (None, 0, 1))
    print(f"{'settings':24} episodes  < 0.2 s   F1 of halves   certain time in episodes")
    for name, options in settings():
        found = [episode for video in whole for episode in episodes(video, options)]
        short = sum(episode.duration_s < 0.2 - 1e-9 for episode in found)
        f1, share = f1_of_halves(even, odd, options), coverage(whole, options)
        mark = " (default)" if options == DEFAULT else ""
        print(f"{name + mark:32} {len(found):3d} {short:8d} {f1:14.2f} {100 * share:20.0f} %")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
