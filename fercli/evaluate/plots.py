"""The plots of training and evaluation, drawn by matplotlib into picture files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.data.dataset import paper_order
from fercli.evaluate.calibration import Calibration, RiskCoverage
from fercli.evaluate.results import DegradationCurve
from fercli.formatting import in_percent, percent, pluralize
from fercli.media.figures import FIGURE_DPI, empty_figure, save_figure
from fercli.media.images import Rgb

_BLUE, _GREY, _RED = "#0b62a8", "#9aa5b3", "#c4320a"


def plot_confusion(path: Path, matrix: NDArray[np.int64], labels: Sequence[str], *, title: str) -> None:
    """Draw a confusion matrix [N, N] (rows = truth), classes in the paper's order: shade and percentage per row, count below."""
    order = [list(labels).index(name) for name in paper_order(set(labels))]
    matrix, labels = matrix[np.ix_(order, order)], [labels[index] for index in order]
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    side = 2.2 + 0.75 * len(labels)  # inches
    figure = empty_figure(side, side)
    axes = figure.add_subplot(xlabel="predicted (% of the row, count)", ylabel="truth", title=title)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{in_percent(share, 1)}\n{matrix[row, column]}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if share > 0.5 else "black")
    save_figure(figure, path)


def plot_curves(path: Path, rows: Sequence[Mapping[str, Any]], *, title: str) -> None:
    """Draw a run's rows, one per epoch: losses left, accuracies right; columns that no row has are omitted."""
    from matplotlib.ticker import MaxNLocator

    figure = empty_figure(10, 4)
    figure.suptitle(title)
    panels = {
        "loss": (("loss", "train, all terms"), ("loss_vit", "train, P_VIT"), ("val_loss", "validation, P_VIT")),
        "accuracy (%)": (
            ("train_accuracy", "train"),
            ("val_accuracy", "validation"),
            ("val_mean_accuracy", "validation, mean class"),
            ("test_accuracy", "test"),
            ("test_mean_accuracy", "test, mean class"),
        ),
    }
    for number, (quantity, curves) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, 2, number, xlabel="epoch", ylabel=quantity)
        factor = 100 if "%" in quantity else 1
        for name, label in curves:
            values = [np.nan if row.get(name) is None else factor * row[name] for row in rows]
            if not np.isnan(values).all():
                axes.plot([row["epoch"] for row in rows], values, label=label, marker="." if len(rows) < 30 else None)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(left=0.5)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=FIGURE_DPI)


def plot_reliability(path: Path, panels: Sequence[tuple[str, Calibration]]) -> None:
    """Draw reliability diagrams side by side: accuracy per bin of confidence, the gap to it, and how many images."""
    figure = empty_figure(4.4 * len(panels), 4.8)
    grid = figure.add_gridspec(2, len(panels), height_ratios=(4, 1))
    for column, (name, measured) in enumerate(panels):
        bins = [b for b in measured.bins if b.n]
        middles = [(b.low + b.high) / 2 for b in bins]
        width = measured.bins[0].high - measured.bins[0].low
        accuracy = np.array([b.accuracy for b in bins], float)
        confidence = np.array([b.confidence for b in bins], float)
        upper = figure.add_subplot(grid[0, column], xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
        upper.set_title(f"{name} (T = {measured.temperature:.3g})\nECE {percent(measured.ece, 2)}", fontsize=10)
        upper.bar(middles, accuracy, width, color=_BLUE, edgecolor="white", label="accuracy")
        upper.bar(
            middles, confidence - accuracy, width, bottom=accuracy, color=_RED, alpha=0.3, edgecolor=_RED, label="gap"
        )
        upper.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--")
        upper.legend(loc="upper left", fontsize=8)
        lower = figure.add_subplot(grid[1, column], xlim=(0, 1), xlabel="confidence", ylabel="images")
        lower.bar(middles, [b.n for b in bins], width, color=_GREY, edgecolor="white")
    save_figure(figure, path)


def plot_risk_coverage(path: Path, curve: RiskCoverage) -> None:
    """Draw the error rate of the most confident predictions, and that of a perfect ranking."""
    figure = empty_figure(5.6, 4.2)
    axes = figure.add_subplot(xlim=(0, 1), xlabel="coverage", ylabel="error rate")
    axes.plot(curve.coverage, curve.risk, color=_BLUE, label=f"ranked by confidence (area {curve.aurc:.3f})")
    label = f"perfect ranking (area {curve.best_aurc:.3f})"
    axes.plot(curve.coverage, curve.best_risk, color=_GREY, linestyle="--", label=label)
    axes.axhline(curve.risk[-1], color="black", linewidth=0.8, linestyle=":", label="all images")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    save_figure(figure, path)


def plot_severities(path: Path, curve: DegradationCurve, *, examples: Sequence[Sequence[Rgb]]) -> None:
    """Draw accuracy with its intervals over severities, clean crops first, and example faces at each.

    examples: rows of one crop per severity, the first undegraded.
    """
    severities = ["clean", *(f"{point.severity:g}" for point in curve.points)]
    scores = [score for _, score in curve.rows]
    title = f"{curve.kind} ({curve.unit}), {pluralize(curve.clean.images, 'image')}"
    figure = empty_figure(1.25 * len(severities) + 0.9, 3.4 + 1.15 * len(examples))
    grid = figure.add_gridspec(1 + len(examples), len(severities), height_ratios=(3, *(1 for _ in examples)))
    axes: Any = figure.add_subplot(grid[0, :], xlim=(-0.5, len(severities) - 0.5), ylabel="%", title=title)
    positions = np.arange(len(severities))
    accuracy = 100 * np.array([score.accuracy for score in scores])
    spread = np.abs(100 * np.array([score.accuracy_interval for score in scores]).T - accuracy)
    mean_accuracy = 100 * np.array([score.mean_accuracy for score in scores])
    axes.errorbar(positions, accuracy, yerr=spread, color=_BLUE, marker="o", capsize=3, label="accuracy, 95 % interval")
    axes.plot(positions, mean_accuracy, color=_RED, marker="s", linestyle="--", label="mean class accuracy")
    axes.set_xticks(positions, severities)
    axes.set_ylim(0, 100)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8, loc="lower left")
    for row, crops in enumerate(examples, 1):
        for column, crop in enumerate(crops):
            picture = figure.add_subplot(grid[row, column])
            picture.imshow(crop, interpolation="nearest")
            picture.set_axis_off()
    save_figure(figure, path)
