"""Summaries and episodes of all videos of tables of predictions, and both as files of a folder of results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fercli.coding.correction import Correction
from fercli.coding.episodes import Episode, EpisodeOptions, episodes
from fercli.coding.names import SETTING as NAMES
from fercli.coding.names import Names
from fercli.coding.recordings import ROUNDING_S, Recording, saved_recordings
from fercli.coding.summary import Summary, summaries
from fercli.coding.tables import EVENTS_NAME, SUMMARY_NAME, write_events, write_summary
from fercli.config.labels import canonical
from fercli.errors import DataError, UsageError
from fercli.results import MIN_TRACK_S, Who
from fercli.rows.read import SavedRows, read_rows
from fercli.rows.run_record import RunRecord


@dataclass(frozen=True)
class CodedVideo:
    """The summaries and episodes of one video. begin_s, end_s: start of the first and end of the last frame that was read."""

    source: str
    begin_s: float
    end_s: float
    frames_per_second: float
    summaries: tuple[Summary, ...]
    episodes: tuple[Episode, ...]

    @property
    def people(self) -> list[Who]:
        """The tracks and people that have a summary or an episode, in order."""
        summed = [summary.person for summary in self.summaries if summary.level != "video"]
        return list(dict.fromkeys([*summed, *(episode.person for episode in self.episodes)]))


@dataclass(frozen=True)
class CodedTables:
    """The videos of tables, with what produced the first table, and what corrected the shares."""

    classes: tuple[str, ...]
    run: RunRecord
    videos: tuple[CodedVideo, ...]
    correction: Correction | None = None

    @property
    def summaries(self) -> list[Summary]:
        return [summary for video in self.videos for summary in video.summaries]

    def only(self, expressions: Sequence[str]) -> CodedTables:
        """Return the same with the episodes of some expressions only. Raises: UsageError for an unknown one."""
        wanted = [canonical(name) for name in expressions]
        for name in wanted:
            if name not in self.classes:
                raise UsageError(f"{name} is not among the classes", fix=", ".join(self.classes))
        videos = [
            replace(video, episodes=tuple(episode for episode in video.episodes if episode.expression in wanted))
            for video in self.videos
        ]
        return replace(self, videos=tuple(videos))

    @property
    def episodes(self) -> list[Episode]:
        return [episode for video in self.videos for episode in video.episodes]


def code_tables(
    paths: Sequence[Path],
    options: EpisodeOptions | None = None,
    *,
    min_view_s: float = MIN_TRACK_S,
    confusion: Callable[[Sequence[str]], Correction] | None = None,
    names: Names | None = None,
) -> CodedTables:
    """Read tables of predictions and return their videos with summaries and episodes. Memory is that of the longest video.

    min_view_s: tracks in view for a shorter time have no summary of their own; that of the video includes them.
    confusion: returns the correction of the shares for the classes of the tables. names: of tracks.
    Raises: DataError for tables that cannot be read, have different classes, or no video; UsageError for a correction that does
    not fit the tables.
    """
    tables = [read_rows(path) for path in paths]
    classes = tables[0].labels
    for table in tables[1:]:
        if table.labels != classes:
            raise DataError(
                f"{table.path} has other classes than {tables[0].path}: {', '.join(table.labels)}",
                fix="give tables of one model",
            )
    correction = None if confusion is None else confusion(classes)
    if correction is not None:
        for table in tables:
            correction.check(table.run)
    videos = tuple(video for table in tables for video in _videos(table, options, min_view_s, correction, names))
    if not videos:
        paths_text = ", ".join(str(path) for path in paths)
        raise DataError(f"{paths_text}: no rows of videos", fix="give tables that fer predict wrote for videos")
    run = tables[0].run
    if names is not None:
        run = replace(run, settings={**run.settings, NAMES: "given"})
    return CodedTables(classes, run, videos, correction)


def write_coding(folder: Path, *, bom: bool = False, correction: Correction | None = None) -> None:
    """Write summary.csv and events.csv from the predictions.csv of a folder of results, if it has rows of videos."""
    options = EpisodeOptions()
    table = read_rows(folder)
    videos = tuple(_videos(table, options, MIN_TRACK_S, correction))
    if not videos:
        return
    coded = CodedTables(table.labels, table.run, videos)
    write_summary(
        folder / SUMMARY_NAME, coded.summaries, coded.classes, coded.run, options, bom=bom, correction=correction
    )
    write_events(folder / EVENTS_NAME, coded.episodes, coded.run, options, bom=bom)


def code_video(
    recording: Recording,
    options: EpisodeOptions | None = None,
    *,
    min_view_s: float = MIN_TRACK_S,
    correction: Correction | None = None,
) -> CodedVideo:
    """Return the summaries and episodes of one video.

    min_view_s: tracks in view for a shorter time have no summary; for less than MIN_TRACK_S, no episodes either. Neither
    holds for a video in which no track is in view for MIN_TRACK_S.
    """
    if all(recording.in_view_s(track) < MIN_TRACK_S - ROUNDING_S for track in recording.tracks):
        min_view_s = 0.0
    shortest_s = min(min_view_s, MIN_TRACK_S)
    found = summaries(recording, options, min_view_s=shortest_s, correction=correction)
    shown = [item for item in found if item.level == "video" or item.in_view_s >= min_view_s - ROUNDING_S]
    return CodedVideo(
        recording.source,
        float(recording.begin_s[0]),
        float(recording.end_s[-1]),
        recording.frames_per_second,
        tuple(shown),
        tuple(episodes(recording, options, min_view_s=shortest_s)),
    )


def _videos(
    table: SavedRows,
    options: EpisodeOptions | None,
    min_view_s: float,
    correction: Correction | None,
    names: Names | None = None,
) -> Iterator[CodedVideo]:
    for recording in saved_recordings(table, names):
        yield code_video(recording, options, min_view_s=min_view_s, correction=correction)
