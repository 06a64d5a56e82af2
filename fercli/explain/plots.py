"""The plots of `fer visualize` and `fer audit`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fercli.data.dataset import paper_order
from fercli.html.colours import Colour, expression_colour
from fercli.media.figures import empty_figure, save_figure
from fercli.media.images import Rgb

# Letters: S side of a crop, L layers, N classes.
_NETWORKS = ("#0b62a8", "#c4320a")
FLAT_BELOW = 0.05  # standard deviation of a map
_INCH = 1.25  # side of a face


@dataclass(frozen=True)
class HeatRow:
    """One face [S, S, 3] with its maps [L, S, S] in 0..1 and the text beside it; `order` groups the rows of one image."""

    face: Rgb
    maps: NDArray[np.float32]
    text: str
    order: int


def plot_bars(
    path: Path,
    crops: Sequence[Rgb],
    titles: Sequence[str],
    probabilities: Sequence[Sequence[Sequence[float]]],
    *,
    labels: Sequence[str],
    names: Sequence[str],
) -> None:
    """Draw every face with its probabilities [faces][networks][N] from one or two networks."""
    columns = 2 if len(crops) > 3 else 1
    rows = -(-len(crops) // columns)
    figure = empty_figure(columns * (_INCH + 3.4), rows * (_INCH + 0.75) + 0.5)
    grid = figure.add_gridspec(rows, 2 * columns, width_ratios=[1, 2.6] * columns)
    height = 0.8 / len(names)
    for number, (crop, title, network_probabilities) in enumerate(zip(crops, titles, probabilities, strict=True)):
        row, column = divmod(number, columns)
        _show(figure.add_subplot(grid[row, 2 * column]), crop, title)
        axes = figure.add_subplot(grid[row, 2 * column + 1], xlim=(0, 1))
        for index, values in enumerate(network_probabilities):
            offset = (index - (len(network_probabilities) - 1) / 2) * height
            axes.barh(np.arange(len(labels)) + offset, values, height, color=_NETWORKS[index], label=names[index])
        axes.set_yticks(range(len(labels)), labels, fontsize=7)
        axes.tick_params(axis="x", labelsize=7)
        axes.invert_yaxis()
    handles, texts = axes.get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper center", ncols=len(names), fontsize=8, frameon=False)
    save_figure(figure, path)


def plot_heat(path: Path, rows: Sequence[HeatRow], *, columns: Sequence[str]) -> None:
    """Draw one row per face and network: the face, then one column per layer with its map over the face."""
    figure = empty_figure((len(columns) + 2.1) * _INCH, len(rows) * _INCH * 1.12 + 0.4)
    grid = figure.add_gridspec(len(rows), len(columns) + 2, width_ratios=[1.1, *[1] * (len(columns) + 1)])
    for index, row in enumerate(rows):
        beside = figure.add_subplot(grid[index, 0])
        beside.axis("off")
        beside.text(1, 0.5, row.text, ha="right", va="center", fontsize=7)
        _show(figure.add_subplot(grid[index, 1]), row.face, "face" if index == 0 else "")
        for number, (column, heat) in enumerate(zip(columns, row.maps, strict=True)):
            axes = figure.add_subplot(grid[index, number + 2])
            flat = " (flat)" if is_flat(heat) else ""
            _show(axes, row.face, f"{column}{flat}" if index == 0 else flat.strip())
            axes.imshow(heat, cmap="jet", alpha=0.5, vmin=0, vmax=1)
    save_figure(figure, path)


def is_flat(heat: NDArray[np.float32]) -> bool:
    """Whether a map of values in 0..1 hardly differs between places."""
    return float(heat.std()) < FLAT_BELOW


def plot_scatter(
    path: Path, layouts: Sequence[NDArray[np.float32]], labels: Sequence[str], *, captions: Sequence[str]
) -> None:
    """Draw points [B, 2] of one or two networks side by side, coloured by class."""
    figure = empty_figure(5.4 * len(layouts), 5.6)
    class_names = paper_order(set(labels))
    classes = np.array(labels)
    for number, (layout, caption) in enumerate(zip(layouts, captions, strict=True), start=1):
        axes = figure.add_subplot(1, len(layouts), number, xticks=[], yticks=[])
        axes.set_title(caption, fontsize=9)
        for name in class_names:
            points = layout[classes == name]
            axes.scatter(
                points[:, 0],
                points[:, 1],
                s=9,
                color=_colour(expression_colour(name, class_names)),
                label=name,
                linewidths=0,
            )
    handles, texts = axes.get_legend_handles_labels()
    figure.legend(
        handles, texts, loc="outside lower center", ncols=4 * len(layouts), fontsize=8, frameon=False, markerscale=2
    )
    save_figure(figure, path)


def contact_sheet(path: Path, crops: Sequence[Rgb], captions: Sequence[str], *, columns: int = 10, title: str) -> None:
    """Draw faces in a grid, row by row, each with its caption below."""
    rows = -(-len(crops) // columns)
    figure = empty_figure(columns * _INCH, rows * (_INCH + 0.42) + 0.4)
    figure.suptitle(title, fontsize=10)
    grid = figure.add_gridspec(rows, columns)
    for number, (crop, caption) in enumerate(zip(crops, captions, strict=True)):
        axes = figure.add_subplot(grid[divmod(number, columns)])
        _show(axes, crop, "")
        axes.set_xlabel(caption, fontsize=6.5)
    figure.savefig(path)


def _show(axes: Any, face: Rgb, title: str) -> None:
    axes.imshow(face)
    axes.set_xticks([])
    axes.set_yticks([])
    if title:
        axes.set_title(title, fontsize=8)


def _colour(colour: Colour) -> tuple[float, float, float]:
    red, green, blue = colour
    return red / 255, green / 255, blue / 255
