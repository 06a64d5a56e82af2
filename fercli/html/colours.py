"""Colours of expressions and tracks, the same in annotated copies, plots and pages."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

from fercli.config.labels import PAPER_ORDER

Colour = tuple[int, int, int]

UNCERTAIN: Colour = (128, 128, 128)
# Okabe and Ito's palette, which colour-blind readers can distinguish; in the paper's order of classes
_COLOURS: tuple[Colour, ...] = (
    (190, 190, 190),
    (240, 228, 66),
    (86, 180, 233),
    (230, 159, 0),
    (204, 121, 167),
    (0, 158, 115),
    (213, 94, 0),
    (0, 114, 178),
)
_GOLDEN = 0.618034  # of a turn: hues of successive tracks differ clearly, however many there are


def expression_colour(label: str, labels: Sequence[str]) -> Colour:
    """Return the colour of an expression, the same for every model; of another class name, the one of its index."""
    names = PAPER_ORDER if label in PAPER_ORDER else list(labels)
    return _COLOURS[names.index(label) % len(_COLOURS)]


def track_colour(track: int) -> Colour:
    """Return a bright colour for a track number."""
    red, green, blue = colorsys.hsv_to_rgb((0.9 + track * _GOLDEN) % 1, 0.7, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def ink_on(colour: Colour) -> Colour:
    """Return black or white, whichever is more legible on a colour."""
    return (0, 0, 0) if colour[0] * 0.299 + colour[1] * 0.587 + colour[2] * 0.114 > 140 else (255, 255, 255)


def css_colour(colour: Colour) -> str:
    """Return a colour as CSS writes it: #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
