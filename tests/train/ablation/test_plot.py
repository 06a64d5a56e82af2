"""The plot of a study."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fercli.train.ablation.plot import plot_study
from fercli.train.ablation.studies import build_study


@pytest.mark.parametrize(("name", "seeds"), [("components", 3), ("batch-size", 2), ("lambda", 1)])
def test_plot_study__draws_every_kind_of_axis(name: str, seeds: int, tmp_path: Path):
    study = build_study(name)
    scores = [[80.0 + row + seed for seed in range(seeds)] for row in range(len(study.rows))]
    plot_study(tmp_path / "plot.png", study, scores, ylabel="accuracy (%)", title="a study")
    with Image.open(tmp_path / "plot.png") as picture:
        # at 300 dots an inch, at least five inches wide and 1.1 more for every row
        assert picture.size == (int(300 * max(5.0, 1.1 * len(study.rows) + 2)), 1200)
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or []}
    assert ((11, 98, 168) in colours) == (seeds > 1), "means with intervals, which one seed does not have"
