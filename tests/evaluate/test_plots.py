"""Figures become picture files with the right cells dark."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fercli.evaluate.calibration import calibration, risk_coverage
from fercli.evaluate.plots import (
    plot_confusion,
    plot_curves,
    plot_reliability,
    plot_risk_coverage,
    plot_severities,
)
from fercli.evaluate.results import DegradationCurve, SeverityScore
from fercli.evaluate.scores import score_matrix


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


def shades(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), int)


def near(rgb: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(rgb - colour).sum(axis=2) < 12


@pytest.mark.slow
def test_plot_reliability__has_bars_as_high_as_the_accuracy(tmp_path):
    # all predictions have a confidence of 0.95: half of them right on the left, all of them on the right
    table = np.tile([0.95, 0.05], (20, 1))
    half, whole = (calibration(table, truth, temperature=1.0) for truth in (np.arange(20) % 2, np.zeros(20, int)))
    plot_reliability(tmp_path / "plot.png", [("half", half), ("whole", whole)])
    bars = near(shades(tmp_path / "plot.png"), (0x0B, 0x62, 0xA8))
    width = bars.shape[1] // 2
    # the tallest blue column of each half; legends are small
    left, right = bars[:, :width].sum(axis=0).max(), bars[:, width:].sum(axis=0).max()
    assert left / right == pytest.approx(0.5, abs=0.06)


@pytest.mark.slow
def test_plot_risk_coverage__draws_the_curve_above_the_best(tmp_path):
    truth = np.array([0] * 6 + [1] * 2)
    table = np.stack([np.linspace(0.9, 0.6, 8), np.linspace(0.1, 0.4, 8)], axis=1)[[0, 6, 1, 7, 2, 3, 4, 5]]
    curve = risk_coverage(table, truth)
    plot_risk_coverage(tmp_path / "plot.png", curve)
    rgb = shades(tmp_path / "plot.png")
    blue = np.nonzero(near(rgb, (0x0B, 0x62, 0xA8)))[0]
    assert blue.size > 100
    assert blue.min() < rgb.shape[0] * 0.6


@pytest.mark.slow
def test_plot_severities__falls_from_left_to_right_above_its_examples(tmp_path):
    crops = [np.full((8, 8, 3), 250 - 60 * step, np.uint8) for step in range(3)]
    clean, *worse = (
        score_matrix(np.array([[right, 10 - right], [0, 0]]), split="test", labels=("fear", "anger"))
        for right in (9, 5, 2)
    )
    points = tuple(SeverityScore(severity, score) for severity, score in enumerate(worse, 1))
    plot_severities(tmp_path / "plot.png", DegradationCurve("blur", "px", clean, points), examples=[crops])
    rgb = shades(tmp_path / "plot.png")
    rows, columns = np.nonzero(near(rgb, (0x0B, 0x62, 0xA8)))
    third = rgb.shape[1] // 3
    left, right = rows[columns < third].min(), rows[columns > 2 * third].min()
    assert left < right
    assert near(rgb[rgb.shape[0] // 2 :], (130, 130, 130)).sum() > 1000  # the last face, below the curve


def test_figures__are_pdf_and_svg_beside_a_png_of_300_dpi(tmp_path):
    plot_confusion(tmp_path / "confusion.png", np.array([[3, 1], [0, 2]]), ("sadness", "happiness"), title="a model")
    with Image.open(tmp_path / "confusion.png") as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=1)
    assert (tmp_path / "confusion.pdf").read_bytes().startswith(b"%PDF")
    text = (tmp_path / "confusion.svg").read_text(encoding="utf-8")
    assert text.index(">happiness<") < text.index(">sadness<"), "classes in the order of the paper's Table 4"
    assert "75.0" in text
