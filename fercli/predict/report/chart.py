"""The chart of a person's expressions over time, as SVG geometry for chart.html, and the same as a table."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercli.coding.episodes import Episode
from fercli.formatting import clock, percent, probability_percent
from fercli.html.parts import Table
from fercli.predict.report.strip import WIDTH, Band, bands, class_fill, number, strip_of

HEIGHT = 100  # units of the drawing, which is stretched to the page
_TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000)
_MAX_TICKS = 9
_TABLE_ROWS = 40
_MIN_DRAWN = 0.005  # a class whose probability is never higher is not drawn


@dataclass(frozen=True)
class Tick:
    """A mark of the time axis, at a percentage of its length."""

    left: str
    text: str


@dataclass(frozen=True)
class Chart:
    """Stacked areas of the probabilities over time, a strip of predicted classes below, and the time axis.

    data: JSON for timeline.js, which shows the values under the pointer. faces: JSON of pictures for the same times.
    """

    title: str
    summary: str
    areas: tuple[Band, ...]
    strip: tuple[Band, ...]
    episodes: tuple[Band, ...]
    ticks: tuple[Tick, ...]
    data: str
    faces: str
    bins: int
    width: int = WIDTH
    height: int = HEIGHT


def make_chart(
    means: NDArray[np.float64],
    labels: Sequence[str],
    *,
    width_s: float,
    end_s: float,
    title: str,
    summary: str = "",
    begin_s: float = 0.0,
    episodes: Sequence[Episode] = (),
    faces: Sequence[tuple[float, bytes]] = (),
    faces_every_s: float = 0.0,
) -> Chart:
    """Lay out the chart of one person.

    means: [T, N + 1], probabilities and the share of uncertain time, bin after bin of `width_s`; NaN is a gap.
    begin_s: time of the video at which the first bin starts; end_s: end of the last one, counted from there. episodes: drawn in a
    strip of their own, with times of the video. faces: JPEGs for the tooltip with times counted from `begin_s`, one for every
    `faces_every_s` in view.
    """
    axis = _Axis(width_s, end_s)
    runs = list(_runs(~np.isnan(means[:, 0])))
    values = [None if np.isnan(row[0]) else [round(100 * value) for value in row] for row in means]
    data = {
        "labels": list(labels),
        "width": width_s,
        "begin": begin_s,
        "end": end_s,
        "values": values,
        "episodes": [
            [round(item.onset_s, 3), round(item.offset_s, 3), labels.index(item.expression), round(100 * item.peak)]
            for item in episodes
        ],
    }
    pictures = [[round(begin_s + time_s, 3), b64encode(jpeg).decode("ascii")] for time_s, jpeg in faces]
    return Chart(
        title,
        summary,
        tuple(_areas(means[:, :-1], runs, labels, axis)),
        _strip(means, labels, axis),
        bands([_episode_span(item, labels, axis, begin_s) for item in episodes], labels),
        tuple(_ticks(begin_s, end_s)),
        json.dumps(data, separators=(",", ":")),
        json.dumps({"every": faces_every_s, "items": pictures}, separators=(",", ":")) if pictures else "",
        len(means),
    )


def time_table(
    means: NDArray[np.float64], labels: Sequence[str], *, width_s: float, end_s: float, begin_s: float = 0.0
) -> Table:
    """Return the chart as a table: at most about forty time spans with their most probable class."""
    step = math.ceil(len(means) / _TABLE_ROWS)
    decimals = 1 if step * width_s >= 1 else 2
    rows = []
    for begin in range(0, len(means), step):
        part = means[begin : begin + step]
        part = part[~np.isnan(part[:, 0])]
        until_s = min((begin + step) * width_s, end_s)
        begins, ends = (clock(begin_s + at_s, decimals=decimals) for at_s in (begin * width_s, until_s))
        span = f"{begins} to {ends}"
        if not len(part):
            rows.append((span, "not seen", "", ""))
            continue
        mean = part.mean(axis=0)
        best = int(mean[:-1].argmax())
        rows.append((span, labels[best], probability_percent(mean[best]), percent(mean[-1])))
    return Table("Most probable expression over time", ("time", "expression", "probability", "uncertain"), rows)


@dataclass(frozen=True)
class _Axis:
    """The time axis of the drawing."""

    width_s: float
    end_s: float

    def at(self, bins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the abscissas [K] of bins [K], which may be fractions; the last bin ends where the video does."""
        return np.minimum(bins * self.width_s, self.end_s) * (WIDTH / max(self.end_s, 1e-9))


def _areas(
    probabilities: NDArray[np.float64], runs: Sequence[tuple[int, int]], labels: Sequence[str], axis: _Axis
) -> Iterator[Band]:
    """Yield one path per class from its upper edge down to the base; the lowest class is drawn last, over the others."""
    tops = probabilities.cumsum(axis=1)
    for index in reversed(range(len(labels))):
        if not np.nanmax(probabilities[:, index], initial=0) > _MIN_DRAWN:
            continue
        path = ""
        for first, last in runs:
            edge = HEIGHT * (1 - np.clip(tops[first:last, index], 0, 1))
            times = axis.at(np.concatenate([[first], np.arange(first, last) + 0.5, [last]]))
            points = _thinned(times, np.concatenate([edge[:1], edge, edge[-1:]]))
            path += f"M{number(times[0])} {HEIGHT}L{points}V{HEIGHT}Z"
        yield Band(labels[index], path, class_fill(labels, index))


def _strip(means: NDArray[np.float64], labels: Sequence[str], axis: _Axis) -> tuple[Band, ...]:
    """Return the strip of predicted classes; time that is mostly uncertain is hatched."""
    present = ~np.isnan(means[:, 0])
    classes = np.full(len(means), -1)
    classes[present] = np.where(means[present, -1] > 0.5, len(labels), means[present, :-1].argmax(axis=1))
    return strip_of(classes, axis.at(np.arange(len(means) + 1, dtype=float)), labels)


def _episode_span(episode: Episode, labels: Sequence[str], axis: _Axis, begin_s: float) -> tuple[int, float, float]:
    """Return class, left and right of an episode."""
    left, right = axis.at(np.array([episode.onset_s - begin_s, episode.offset_s - begin_s]) / axis.width_s)
    return labels.index(episode.expression), float(left), float(right)


def _ticks(begin_s: float, end_s: float) -> Iterator[Tick]:
    step_s = next((step for step in _TICKS_S if end_s / step <= _MAX_TICKS), _TICKS_S[-1])
    decimals = 1 if step_s < 1 else 0
    first = math.ceil(begin_s / step_s - 1e-9)
    for tick in range(first, math.floor((begin_s + end_s) / step_s + 1e-9) + 1):
        left = 100 * (tick * step_s - begin_s) / max(end_s, 1e-9)
        if left <= 93 or tick == first:  # the right end has the unit
            yield Tick(f"{left:.2f}", clock(tick * step_s, decimals=decimals))


def _runs(present: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield first and one-past-last index of the spans without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], present, [False]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _thinned(times: NDArray[np.float64], heights: NDArray[np.float64]) -> str:
    """Return points as text, without those in the middle of a horizontal line."""
    heights = heights.round(1)
    keep = np.ones(len(heights), bool)
    keep[1:-1] = (heights[1:-1] != heights[:-2]) | (heights[1:-1] != heights[2:])
    return " ".join(f"{number(x)},{number(y)}" for x, y in zip(times[keep], heights[keep], strict=True))
