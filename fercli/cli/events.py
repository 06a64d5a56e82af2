"""`fer events`: episodes of expressions from tables of predictions, also for ELAN, Praat and BORIS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import coding_options, console, options
from fercli.cli.predict_privacy import LogOption
from fercli.cli.table_log import table_log
from fercli.errors import UsageError
from fercli.formatting import clock, pluralize, printable, probability_percent
from fercli.results import who_name

if TYPE_CHECKING:
    from fercli.coding.code import CodedTables
    from fercli.coding.episodes import Episode


def events(
    context: typer.Context,
    rows: coding_options.Rows,
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="csv|elan|praat|boris",
            help="What to write: events.csv, one .eaf or .TextGrid per video, or one .boris project.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            help="File (csv, boris) or folder (elan, praat).",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    media: Annotated[
        Path | None,
        typer.Option(
            "--media",
            metavar="DIR",
            help="Folder of the videos, to link them (default: where they were when they were read).",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    expressions: Annotated[
        str | None,
        typer.Option(
            "--expressions",
            metavar="A,B,...",
            help="Write only episodes of these expressions (default: all).",
            rich_help_panel=coding_options.EPISODES,
        ),
    ] = None,
    people: coding_options.PeopleFile = None,
    smooth: coding_options.Smooth = 0.4,
    enter: coding_options.Enter = 0.6,
    leave: coding_options.Leave = 0.5,
    min_duration: coding_options.MinDuration = 0.3,
    merge_gap: coding_options.MergeGap = 0.3,
    bom: options.Bom = False,
    processing_log: LogOption = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find episodes of expressions in tables of predictions.

    An episode is a time in which one expression is the most probable one, with its smoothed probability above a threshold. fer
    predict --out writes them as events.csv. Without --out they are printed.

    Example:

      fer events results --to elan --out elan
    """
    from fercli.coding.code import code_tables
    from fercli.coding.episodes import EpisodeOptions
    from fercli.coding.export import EXPORTS, export_events
    from fercli.coding.tables import EVENT_COLUMNS, event_row

    settings = EpisodeOptions(smooth, enter, leave, min_duration, merge_gap)
    if to not in EXPORTS:
        raise UsageError(f"--to {to}: unknown format", fix=f"--to {', '.join(EXPORTS)}")
    if out is None and to != "csv":
        raise UsageError(f"--to {to} writes files", fix=f"--to {to} --out {EXPORTS[to].example}")
    with table_log(processing_log, context, [*rows, people], [out]):
        names = coding_options.read_people(people)
        coded = code_tables(rows, settings, names=names)
        coding_options.warn_of_names(names)
        if expressions is not None:
            coded = coded.only(expressions.split(","))
        if out is not None:
            written = export_events(coded, to, out, settings, media=media, bom=bom, overwrite=overwrite)
            for warning in written.warnings:
                console.warn(warning)
        if json:
            for episode in coded.episodes:
                console.json_line(dict(zip(EVENT_COLUMNS, event_row(episode), strict=True)))
        elif out is None:
            _show(coded.episodes)
            coding_options.show_baseline(coded)
            _say_without(coded)
        if out is not None and not quiet:
            console.say(f"{pluralize(len(coded.episodes), 'episode')} written to {out}")


def _say_without(coded: CodedTables) -> None:
    """Name the tracks and people without an episode, which the table does not show."""
    for video in coded.videos:
        shown = {episode.person for episode in video.episodes}
        names = [who_name(person) for person in video.people if person not in shown]
        if names:
            console.say(printable(f"{Path(video.source).name}: no episode of {', '.join(names)}"))


def _show(found: list[Episode]) -> None:
    head = ["video", "track or person", "expression", "onset", "apex", "offset", "duration (s)", "peak", "mean"]
    rows = [
        [
            Path(episode.source).name,
            who_name(episode.person),
            episode.expression,
            *(clock(time_s, decimals=2) for time_s in (episode.onset_s, episode.apex_s, episode.offset_s)),
            f"{episode.duration_s:.2f}",
            probability_percent(episode.peak),
            probability_percent(episode.mean),
        ]
        for episode in found
    ]
    console.show(console.table(None, head, rows))
