"""Figures in numbers, picture files out: the only file that knows matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def plot_confusion(path: Path, matrix: NDArray[np.int64], labels: Sequence[str], *, title: str) -> None:
    """Draw a confusion matrix [N, N] (rows = truth) to a picture file: shade and percentage per row, count below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    side = 2.2 + 0.75 * len(labels)  # inches
    figure = Figure(figsize=(side, side), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="answer (% of the row, count)", ylabel="truth", title=title)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{100 * share:.1f}\n{matrix[row, column]}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if share > 0.5 else "black")
    figure.savefig(path)
