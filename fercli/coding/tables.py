"""summary.csv and events.csv: their columns, written with the settings beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from fercli.coding.correction import Correction
from fercli.coding.episodes import Episode, EpisodeOptions
from fercli.coding.summary import Summary, whole_shares
from fercli.results import Who, utf8_text
from fercli.rows.run_record import RunRecord, write_settings
from fercli.system.csv_file import write_rows

_CORRECTED = ("corrected", "corrected_low", "corrected_high")
SUMMARY_NAME, EVENTS_NAME = "summary.csv", "events.csv"
EVENT_COLUMNS = (
    "source",
    "track",
    "person",
    "expression",
    "onset_s",
    "apex_s",
    "offset_s",
    "duration_s",
    "peak_probability",
    "mean_probability",
    "baseline",
)


def summary_columns(classes: Sequence[str], *, corrected: bool = False) -> list[str]:
    """Return the columns of summary.csv for a model with these classes. corrected: with those of corrected shares."""
    kinds = ("seconds", "share", "mean_p", "episodes", *(_CORRECTED if corrected else ()))
    return [
        *("source", "level", "track", "person", "first_s", "last_s", "frames", "frames_without_face", "without_face_s"),
        *("not_decoded_s", "in_view_s", "uncertain_s", "share_uncertain", "mean_probability", "episodes"),
        "baseline",
        *(f"{kind}_{name}" for kind in kinds for name in classes),
    ]


def summary_row(summary: Summary, *, corrected: bool = False) -> list[object]:
    """Return a summary as the cells of `summary_columns`: seconds and probabilities with six decimals; shares add up to 1."""
    shares = summary.shares.tolist()
    means: Sequence[float | None] = [None] * len(summary.classes)
    if summary.mean_probabilities is not None:
        means = summary.mean_probabilities.tolist()
    return [
        *(summary.source, summary.level, *_who_cells(summary.person, summary.tracks)),
        *(_number(summary.first_s), _number(summary.last_s)),
        *(summary.frames, summary.frames_without_face, _number(summary.without_face_s)),
        *(_number(summary.not_decoded_s), _number(summary.in_view_s), _number(summary.uncertain_s), shares[-1]),
        *(_number(summary.mean_probability), int(summary.episodes.sum()), summary.baseline),
        *(_number(value) for value in summary.seconds.tolist()),
        *shares[:-1],
        *(_number(value) for value in means),
        *summary.episodes.tolist(),
        *(_corrected_cells(summary) if corrected else ()),
    ]


def _corrected_cells(summary: Summary) -> list[float | None]:
    """Return the cells of _CORRECTED: empty if nobody was in view, intervals also if the time is too short for them."""
    empty: list[float | None] = [None] * len(summary.classes)
    found = summary.corrected
    if found is None:
        return empty * len(_CORRECTED)
    ends = [empty if end is None else [_number(value) for value in end.tolist()] for end in (found.low, found.high)]
    return [*whole_shares(found.shares.tolist()), *ends[0], *ends[1]]


def event_row(episode: Episode) -> list[object]:
    """Return an episode as the cells of EVENT_COLUMNS."""
    numbers = (episode.onset_s, episode.apex_s, episode.offset_s, episode.duration_s, episode.peak, episode.mean)
    return [
        utf8_text(episode.source),
        *_who_cells(episode.person, episode.tracks),
        utf8_text(episode.expression),
        *(_number(value) for value in numbers),
        episode.baseline,
    ]


def _who_cells(person: Who, tracks: Sequence[int]) -> tuple[str | None, str | None]:
    """Return the cells track and person: the numbers of the tracks, and the name if there is one."""
    return " ".join(map(str, tracks)) or None, utf8_text(person) if isinstance(person, str) else None


def write_summary(
    path: Path,
    found: Iterable[Summary],
    classes: Sequence[str],
    run: RunRecord,
    options: EpisodeOptions,
    *,
    bom: bool,
    correction: Correction | None = None,
) -> None:
    """Write summary.csv and its settings."""
    corrected = correction is not None
    rows = (summary_row(summary, corrected=corrected) for summary in found)
    write_rows(path, summary_columns(classes, corrected=corrected), rows, bom=bom)
    record = with_episode_settings(run, options)
    if correction is not None:
        record = replace(record, settings={**record.settings, **correction.as_settings()})
    write_settings(path, record)


def write_events(
    path: Path, found: Iterable[Episode], run: RunRecord, options: EpisodeOptions, *, bom: bool = False
) -> None:
    """Write events.csv and its settings."""
    write_rows(path, EVENT_COLUMNS, (event_row(episode) for episode in found), bom=bom)
    write_settings(path, with_episode_settings(run, options))


def with_episode_settings(run: RunRecord, options: EpisodeOptions) -> RunRecord:
    """Return the record of a run with the settings of episodes added."""
    return replace(run, settings={**run.settings, **options.as_settings()})


def _number(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
