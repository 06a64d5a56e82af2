"""`fer summary`: time per expression of every track or person of videos, from tables of predictions."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fercli.cli import coding_options, console, options
from fercli.cli.predict_privacy import LogOption
from fercli.cli.table_log import table_log
from fercli.formatting import percents, probability_percent
from fercli.results import who_name

if TYPE_CHECKING:
    from fercli.coding.code import CodedTables
    from fercli.coding.summary import Summary


def summary(
    context: typer.Context,
    rows: coding_options.Rows,
    *,
    out: Annotated[Path | None, coding_options.csv_file("one row per track or person, and per video")] = None,
    min_view: coding_options.MinView = 0.5,
    confusion: coding_options.Confusion = None,
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
    """Print the time that every track or person of a video showed each expression, and write it as a table.

    Shares are shares of the time in view, uncertain time included; they add up to 100 %. fer predict --out writes the same
    table as summary.csv.

    Example:

      fer summary results --out summary.csv
    """
    from fercli.coding.code import code_tables
    from fercli.coding.episodes import EpisodeOptions
    from fercli.coding.tables import summary_columns, summary_row, write_summary
    from fercli.evaluate.correction_file import read_correction
    from fercli.system.files import refuse_existing

    settings = EpisodeOptions(smooth, enter, leave, min_duration, merge_gap)
    if out is not None:
        refuse_existing(out, overwrite=overwrite)
    with table_log(processing_log, context, [*rows, people, confusion], [out]):
        known = None if confusion is None else partial(read_correction, confusion)
        names = coding_options.read_people(people)
        coded = code_tables(rows, settings, min_view_s=min_view, confusion=known, names=names)
        coding_options.warn_of_names(names)
        corrected = coded.correction is not None
        if out is not None:
            write_summary(
                out, coded.summaries, coded.classes, coded.run, settings, bom=bom, correction=coded.correction
            )
        if json:
            columns = summary_columns(coded.classes, corrected=corrected)
            for item in coded.summaries:
                console.json_line(dict(zip(columns, summary_row(item, corrected=corrected), strict=True)))
        else:
            show(coded)
            coding_options.show_baseline(coded)
        if out is not None and not quiet:
            console.say(f"written to {out}")


def show(coded: CodedTables) -> None:
    """Print a table of the people of every video."""
    names = [*coded.classes, "uncertain"]
    shown = [name for name, seconds in zip(names, _seconds(coded), strict=True) if seconds > 0]
    head = [
        "video",
        "track or person",
        "in view (s)",
        *(f"{name} (%)" for name in shown),
        "no face (s)",
        "mean p",
        "episodes",
    ]
    rows = [row for video in coded.videos for row in _rows(video.summaries, [names.index(name) for name in shown])]
    console.show(console.table(None, head, rows))
    if coded.correction is not None:
        title = f"corrected shares (%) with 95 % intervals, by the confusion matrix of {coded.correction.source}"
        console.show(console.table(title, ["video", "track or person", *coded.classes], _corrected_rows(coded)))


def _rows(found: tuple[Summary, ...], shown: list[int]) -> list[list[object]]:
    rows: list[list[object]] = []
    for summary in found:
        shares = percents(summary.shares.tolist(), 1) if summary.in_view_s > 0 else [""] * (len(summary.classes) + 1)
        rows.append(
            [
                Path(summary.source).name,
                "all" if summary.level == "video" else who_name(summary.person),
                f"{summary.in_view_s:.1f}",
                *(shares[index].removesuffix(" %") for index in shown),
                None if summary.without_face_s is None else f"{summary.without_face_s:.1f}",
                None if summary.mean_probability is None else probability_percent(summary.mean_probability),
                int(summary.episodes.sum()),
            ]
        )
    return rows


def _corrected_rows(coded: CodedTables) -> list[list[object]]:
    from fercli.coding.correction import corrected_texts

    return [
        [
            Path(item.source).name,
            "all" if item.level == "video" else who_name(item.person),
            *corrected_texts(item.corrected),
        ]
        for item in coded.summaries
        if item.corrected is not None
    ]


def _seconds(coded: CodedTables) -> list[float]:
    """Seconds of every class, and uncertain ones, of all videos."""
    videos = [summary for summary in coded.summaries if summary.level == "video"]
    by_class = [sum(float(summary.seconds[index]) for summary in videos) for index in range(len(coded.classes))]
    return [*by_class, sum(summary.uncertain_s for summary in videos)]
