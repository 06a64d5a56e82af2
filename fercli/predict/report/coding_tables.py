"""Episodes and time per expression as tables of a page; the numbers are those of events.csv and summary.csv."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from fercli.coding.code import CodedVideo
from fercli.coding.correction import corrected_texts
from fercli.coding.episodes import Episode
from fercli.coding.summary import Summary
from fercli.formatting import clock, percents, probability_percent
from fercli.html.parts import Table
from fercli.results import who_name

_EPISODE_HEAD = ("expression", "onset", "apex", "offset", "seconds", "peak", "mean")


_MAX_EPISODES = 400  # in a table of a page


def moment(time_s: float, *, decimals: int = 1, linked: bool) -> Markup:
    """Return a time of the video as text; linked: a link that moves the player of the page there."""
    text = clock(time_s, decimals=decimals)
    return Markup('<a href="#player" data-time="{:.3f}">{}</a>').format(time_s, text) if linked else Markup(text)


def episode_table(episodes: Sequence[Episode], *, linked: bool = False) -> Table:
    """Return the first episodes of one person. linked: times are links, for a page that plays the video."""
    rows = [
        (
            item.expression,
            *(moment(time_s, decimals=2, linked=linked) for time_s in (item.onset_s, item.apex_s, item.offset_s)),
            f"{item.duration_s:.2f}",
            probability_percent(item.peak),
            probability_percent(item.mean),
        )
        for item in episodes[:_MAX_EPISODES]
    ]
    more = (
        f" (the first {_MAX_EPISODES} of {len(episodes):,}; events.csv has all)"
        if len(episodes) > _MAX_EPISODES
        else ""
    )
    return Table(f"Episodes{more}", _EPISODE_HEAD, rows)


def summary_table(videos: Sequence[tuple[str, CodedVideo]], classes: Sequence[str]) -> Table:
    """Return the time per expression of the people of several videos, given with the names that the page shows."""
    names = [*classes, "uncertain"]
    seconds = [sum(float(video.summaries[-1].shares[index]) for _, video in videos) for index in range(len(names))]
    shown = [index for index, total in enumerate(seconds) if total > 0]
    head = (
        "video",
        "track or person",
        "in view (s)",
        *(f"{names[index]}, s (%)" for index in shown),
        "no face (s)",
        "frames without a face",
        "mean probability",
        "episodes",
    )
    absent = [name for index, name in enumerate(names) if index not in shown]
    none = f"; never {' or '.join(absent)}" if absent else ""
    return Table(f"Time per expression, as in summary.csv{none}", head, list(_summary_rows(videos, shown)))


def corrected_table(videos: Sequence[tuple[str, CodedVideo]], classes: Sequence[str]) -> Table:
    """Return the corrected shares, with their intervals where there are any, of the people of several videos."""
    rows = [
        (name, "all" if item.level == "video" else who_name(item.person), *corrected_texts(item.corrected))
        for name, video in videos
        for item in video.summaries
        if item.corrected is not None
    ]
    title = "Shares corrected by the confusion matrix (%), with 95 % intervals, as in summary.csv"
    return Table(title, ("video", "track or person", *classes), rows)


def _summary_rows(videos: Sequence[tuple[str, CodedVideo]], shown: Sequence[int]) -> Iterator[tuple[object, ...]]:
    for name, video in videos:
        for item in video.summaries:
            shares = percents(item.shares.tolist(), 1) if item.in_view_s > 0 else [""] * (len(item.classes) + 1)
            yield (
                name,
                "all" if item.level == "video" else who_name(item.person).replace("Track ", "Track\u00a0"),
                f"{item.in_view_s:.1f}",
                *(_seconds_and_share(item, index, shares[index]) for index in shown),
                "" if item.without_face_s is None else f"{item.without_face_s:.1f}",
                "" if item.frames_without_face is None else f"{item.frames_without_face:,}",
                "" if item.mean_probability is None else probability_percent(item.mean_probability),
                int(item.episodes.sum()),
            )


def _seconds_and_share(summary: Summary, index: int, share: str) -> str:
    """Return the time of a class, or uncertain time, in seconds and percent: "1.6 (40.0)", or "0"."""
    seconds = summary.uncertain_s if index == len(summary.classes) else float(summary.seconds[index])
    if seconds == 0:
        return "0" if share else ""
    return f"{seconds:.1f}\u00a0({share.removesuffix(' %')})" if share else ""
