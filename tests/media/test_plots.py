"""Figures become picture files with the right cells dark."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fercli.media.plots import plot_confusion


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
