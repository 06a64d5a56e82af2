"""Plot of a study: the score of every row and seed, with the mean and its interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np

from fercli.media.figures import FIGURE_DPI, empty_figure
from fercli.train.ablation.studies import Study

_LETTERS_PER_INCH = 12  # of a title in 10 points
_SEED_COLOUR, _MEAN_COLOUR = "#7a8696", "#0b62a8"


def plot_study(path: Path, study: Study, scores: Sequence[Sequence[float]], *, ylabel: str, title: str) -> None:
    """Plot one column per row: a dot for every seed's score, and their mean with its 95 % interval (t).

    Args: scores [rows][seeds]. Studies over a number have a numeric axis, logarithmic for batch sizes.
    """
    from scipy.stats import t

    table = np.array(scores, np.float64)  # [rows, seeds]
    seeds = table.shape[1]
    means = table.mean(axis=1)
    numbers = [row.x for row in study.rows if row.x is not None]
    numeric = len(numbers) == len(study.rows)
    positions = np.array(numbers) if numeric else np.arange(len(study.rows), dtype=float)
    width = max(5.0, 1.1 * len(study.rows) + 2)
    figure = empty_figure(width, 4)
    title = fill(title, int(width * _LETTERS_PER_INCH))
    axes = figure.add_subplot(ylabel=ylabel, xlabel=study.axis or "", title=title)
    axes.title.set_fontsize(10)
    for column in table.T:
        axes.plot(positions, column, "o", color=_SEED_COLOUR, alpha=0.6, markersize=4)
    if seeds > 1:
        half = t.ppf(0.975, seeds - 1) * table.std(axis=1, ddof=1) / np.sqrt(seeds)
        axes.errorbar(positions, means, yerr=half, fmt="_", color=_MEAN_COLOUR, capsize=5, markersize=14, linewidth=2)
    if numeric:
        axes.plot(positions, means, "-", color=_MEAN_COLOUR, alpha=0.5)
    if study.name == "batch-size":
        axes.set_xscale("log", base=2)
        axes.minorticks_off()
    axes.set_xticks(positions, [row.name for row in study.rows])
    if not numeric:
        axes.set_xlim(-0.6, len(study.rows) - 0.4)
    baseline = [row.name for row in study.rows].index(study.baseline)
    axes.axhline(means[baseline], color=_SEED_COLOUR, linewidth=0.8, linestyle=":")
    axes.grid(axis="y", alpha=0.3)
    figure.savefig(path, dpi=FIGURE_DPI)
