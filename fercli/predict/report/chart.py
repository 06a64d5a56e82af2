"""A timeline's means in, an expression chart as inline SVG out, with a table that says the same."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercli.formatting import percent
from fercli.html.colours import UNCERTAIN, expression_colour
from fercli.html.markup import clock, css_colour, escaped, table

WIDTH, HEIGHT = 1000, 100  # units of the drawing, which is stretched to the page
_TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000)
_MOST_TICKS = 9
_TABLE_ROWS = 40
_SEEN = 0.005  # a class that is never above this is not drawn


def chart(means: NDArray[np.float64], labels: Sequence[str], *, width_s: float, end_s: float, title: str) -> str:
    """Stacked areas of the probabilities over time, a strip of verdicts below, and the time axis.

    means: [T, N + 1], probabilities and the share of uncertain time, bin after bin of `width_s`; NaN is a gap.
    """
    axis = _Axis(width_s, end_s)
    runs = list(_runs(~np.isnan(means[:, 0])))
    areas = "".join(_areas(means[:, :-1], runs, labels, axis))
    strip = "".join(_strip(means, runs, labels, axis))
    data = json.dumps(
        {"labels": list(labels), "width": width_s, "end": end_s, "values": _whole_percents(means)},
        separators=(",", ":"),
    )
    return (
        f'<div class="chart" tabindex="0" role="group" aria-label="Chart: arrow keys read its values" data-chart="{escaped(data)}">'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{escaped(title)}">'
        f'{areas}</svg><div class="scale" aria-hidden="true"><span>100 %</span><span>50 %</span><span>0 %</span></div>'
        f'<svg class="strip" viewBox="0 0 {WIDTH} 10" preserveAspectRatio="none" aria-hidden="true">{strip}</svg>'
        f'<div class="axis" aria-hidden="true">{_axis(end_s)}</div>'
        '<div class="cursor" hidden></div><div class="tip" role="status" hidden></div></div>'
    )


def time_table(means: NDArray[np.float64], labels: Sequence[str], *, width_s: float, end_s: float) -> str:
    """The chart in words: at most some forty stretches of time with their best class."""
    step = math.ceil(len(means) / _TABLE_ROWS)
    rows = []
    for begin in range(0, len(means), step):
        part = means[begin : begin + step]
        part = part[~np.isnan(part[:, 0])]
        span = f"{clock(begin * width_s)} to {clock(min((begin + step) * width_s, end_s))}"
        if not len(part):
            rows.append((span, "not seen", "", ""))
            continue
        mean = part.mean(axis=0)
        best = int(mean[:-1].argmax())
        rows.append((span, labels[best], percent(mean[best]), percent(mean[-1])))
    return table("Most probable expression over time", ("time", "expression", "probability", "uncertain"), rows)


@dataclass(frozen=True)
class _Axis:
    """Where the edges of bins lie in the drawing."""

    width_s: float
    end_s: float

    def at(self, bins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Abscissas [K] of bins [K], which may be fractions; the last bin ends where the video does."""
        return np.minimum(bins * self.width_s, self.end_s) * (WIDTH / max(self.end_s, 1e-9))


def _areas(
    probabilities: NDArray[np.float64], runs: Sequence[tuple[int, int]], labels: Sequence[str], axis: _Axis
) -> Iterator[str]:
    """One path per class from its upper edge down to the base; the lowest class is drawn last, over the others."""
    tops = probabilities.cumsum(axis=1)
    for place in reversed(range(len(labels))):
        if not np.nanmax(probabilities[:, place], initial=0) > _SEEN:
            continue
        path = ""
        for first, last in runs:
            edge = HEIGHT * (1 - np.clip(tops[first:last, place], 0, 1))
            times = axis.at(np.concatenate([[first], np.arange(first, last) + 0.5, [last]]))
            points = _thinned(times, np.concatenate([edge[:1], edge, edge[-1:]]))
            path += f"M{_number(times[0])} {HEIGHT}L{points}V{HEIGHT}Z"
        yield f'<path d="{path}" fill="{_fill(labels, place)}"><title>{escaped(labels[place])}</title></path>'


def _strip(
    means: NDArray[np.float64], runs: Sequence[tuple[int, int]], labels: Sequence[str], axis: _Axis
) -> Iterator[str]:
    """Rectangles of one verdict each; what is uncertain most of the time is hatched."""
    for first, last in runs:
        verdicts = np.where(means[first:last, -1] > 0.5, len(labels), means[first:last, :-1].argmax(axis=1))
        changes = np.flatnonzero(np.diff(verdicts)) + 1
        for begin, end in zip([0, *changes], [*changes, last - first], strict=True):
            left, right = axis.at(np.array([first + begin, first + end], float))
            verdict = int(verdicts[begin])
            fill = "url(#unsure)" if verdict == len(labels) else _fill(labels, verdict)
            yield f'<rect x="{_number(left)}" width="{_number(right - left)}" height="10" fill="{fill}"/>'


def _fill(labels: Sequence[str], place: int) -> str:
    return css_colour(expression_colour(labels[place], labels))


def hatch() -> str:
    """The pattern of uncertain stretches, once a page."""
    return (
        '<svg class="patterns" aria-hidden="true"><defs><pattern id="unsure" width="6" height="6" '
        'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#fff"/>'
        f'<rect width="3" height="6" fill="{css_colour(UNCERTAIN)}"/></pattern></defs></svg>'
    )


def _runs(present: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and one-past-last places of stretches without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], present, [False]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _thinned(times: NDArray[np.float64], heights: NDArray[np.float64]) -> str:
    """Points as text, without those on a level stretch."""
    heights = heights.round(1)
    keep = np.ones(len(heights), bool)
    keep[1:-1] = (heights[1:-1] != heights[:-2]) | (heights[1:-1] != heights[2:])
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in zip(times[keep], heights[keep], strict=True))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _whole_percents(means: NDArray[np.float64]) -> list[list[int] | None]:
    return [None if np.isnan(row[0]) else [round(100 * value) for value in row] for row in means]


def _axis(end_s: float) -> str:
    step_s = next((step for step in _TICKS_S if end_s / step <= _MOST_TICKS), _TICKS_S[-1])
    decimals = 1 if step_s < 1 else 0
    marks = ""
    for number in range(math.floor(end_s / step_s + 1e-9) + 1):
        place = 100 * number * step_s / max(end_s, 1e-9)
        if place <= 93 or number == 0:
            marks += f'<span style="left:{place:.2f}%">{clock(number * step_s, decimals=decimals)}</span>'
    return marks + '<span class="unit">min:s</span>'
