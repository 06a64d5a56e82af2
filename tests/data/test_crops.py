"""The one way crops are read: right size, right colours, no aliasing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fercli.data.crops import load_crop
from fercli.data.dataset import Sample
from fercli.data.open import open_dataset
from fercli.errors import DataError


def save(path, pixels) -> None:
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def test_load_crop__of_the_right_size_is_untouched(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3))
    save(tmp_path / "a.png", pixels)
    assert (load_crop(Sample(tmp_path / "a.png", "train", 0), 8) == pixels).all()


def test_load_crop__shrinks_by_area(tmp_path):
    # one-pixel stripes of 0 and 200 become their mean; sampling every second pixel would give 0 or 200
    save(tmp_path / "a.png", np.tile([0, 200], (8, 4)))
    crop = load_crop(Sample(tmp_path / "a.png", "train", 0), 4)
    assert crop.shape == (4, 4, 3)
    assert (crop == 100).all()


def test_load_crop__grows_bilinearly(tmp_path):
    save(tmp_path / "a.png", [[0, 100], [0, 100]])
    # pixel centres at 1/4, 3/4 of the 2-px row: 0, 25, 75, 100
    assert load_crop(Sample(tmp_path / "a.png", "train", 0), 4)[0, :, 0].tolist() == [0, 25, 75, 100]


def test_load_crop__refuses_files_that_are_not_pictures(tmp_path):
    (tmp_path / "a.png").write_text("not a picture")
    with pytest.raises(DataError):
        load_crop(Sample(tmp_path / "a.png", "train", 0), 4)


def test_load_crop__crops_a_square_around_a_box(official_tree):
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[10:30, 20:40] = 255  # the square around the box of 10 x 20 at (25, 10)
    root = official_tree("expw")
    Image.fromarray(pixels).save(root / "image" / "origin" / "white.png")
    (root / "label" / "label.lst").write_text("white.png 0 10 25 35 30 99 0\n")
    crop = load_crop(open_dataset("expw", root).samples[0], 20)
    assert crop.shape == (20, 20, 3)
    assert (crop == 255).all()
