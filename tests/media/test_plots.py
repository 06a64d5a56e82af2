"""Figures become picture files with the right cells dark."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fercli.media.plots import plot_confusion, plot_curves


@pytest.mark.slow  # imports matplotlib
def test_plot_confusion__is_dark_on_the_diagonal(tmp_path):
    path = tmp_path / "confusion.png"
    plot_confusion(path, np.diag([10, 20, 0]), ["fear", "anger", "contempt"], title="toy")
    with Image.open(path) as picture:
        grey = np.asarray(picture.convert("L"), float)
    height, width = grey.shape
    upper, lower = grey[: height // 2], grey[height // 2 :]
    # two full rows of the matrix are dark at the left and in the middle, the empty class at the lower right is light
    assert upper[:, : width // 2].mean() < lower[:, width // 2 :].mean()
    assert min(height, width) > 400


@pytest.mark.slow
def test_plot_curves__draws_what_the_rows_have(tmp_path):
    rows = [{"epoch": n, "loss": 4 / n, "train_accuracy": n / 4, "val_accuracy": None} for n in (1, 2, 3)]
    plot_curves(tmp_path / "bare.png", rows, title="toy")
    plot_curves(tmp_path / "more.png", [{**row, "test_accuracy": 0.1} for row in rows], title="toy")
    inks = []
    for name in ("bare", "more"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            rgb = np.asarray(picture.convert("RGB"), int)
        inks.append(np.count_nonzero(np.ptp(rgb, axis=2) > 60))  # coloured pixels: curves, not axes or text
    assert inks[0] > 300
    assert inks[1] > inks[0] + 100, "a line more in the right half"
