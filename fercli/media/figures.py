"""Figures drawn by matplotlib, without a display, into PNG, PDF and SVG files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fercli.system.files import replacing
from fercli.system.packages import is_installed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE_DPI = 300
FIGURE_SUFFIXES = (".png", ".pdf", ".svg")


def plots_available() -> bool:
    """Whether matplotlib is installed; results are then drawn, and otherwise written as tables alone."""
    return is_installed("matplotlib")


def empty_figure(width: float, height: float) -> Figure:
    """Make an empty figure, its size in inches, that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG of FIGURE_DPI, and as PDF and SVG beside it, whose text stays text."""
    from matplotlib import rc_context

    with rc_context({"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": path.stem}):
        for suffix in FIGURE_SUFFIXES:
            with replacing(path.with_suffix(suffix)) as temporary:
                figure.savefig(temporary, dpi=FIGURE_DPI)
