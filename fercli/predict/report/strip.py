"""Strips of predicted classes over time, as SVG paths: one per class, so that long videos stay small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fercli.html.colours import css_colour, expression_colour

WIDTH = 1000  # units of the drawing, which is stretched to the page
_HEIGHT = 10
_UNCERTAIN_FILL = "url(#unsure)"  # the pattern that page.html defines


@dataclass(frozen=True)
class Band:
    """All time spans of one class: an SVG path of rectangles."""

    label: str
    path: str
    fill: str


def class_fill(labels: Sequence[str], index: int) -> str:
    """Return the colour of a class by its index; that of uncertain time, hatched, for the index after the last."""
    return _UNCERTAIN_FILL if index == len(labels) else css_colour(expression_colour(labels[index], labels))


def strip_of(classes: NDArray[np.int64], edges: NDArray[np.float64], labels: Sequence[str]) -> tuple[Band, ...]:
    """Return the bands of successive bins.

    classes: [T] index of the class, len(labels) where uncertain, -1 where nobody is in view. edges: [T + 1] abscissas.
    """
    changes = np.flatnonzero(np.diff(classes)) + 1
    first, last = np.append(0, changes), np.append(changes, len(classes))
    spans = zip(classes[first].tolist(), edges[first].tolist(), edges[last].tolist(), strict=True)
    return bands([span for span in spans if span[0] >= 0], labels)


def bands(spans: Sequence[tuple[int, float, float]], labels: Sequence[str]) -> tuple[Band, ...]:
    """Return the bands of spans (index of the class, left, right)."""
    return tuple(_bands(spans, labels))


def number(value: float) -> str:
    """Return an abscissa as text, with up to two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _bands(spans: Sequence[tuple[int, float, float]], labels: Sequence[str]) -> Iterator[Band]:
    names = (*labels, "uncertain")
    for index in sorted({span[0] for span in spans}):
        parts = (
            f"M{number(left)} 0H{number(right)}V{_HEIGHT}H{number(left)}Z" for of, left, right in spans if of == index
        )
        yield Band(names[index], "".join(parts), class_fill(labels, index))
