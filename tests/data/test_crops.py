"""The one way crops are read: right size, right colours, no aliasing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fercli.data.crops import load_crop
from fercli.data.dataset import Sample
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


def test_load_crop__refuses_what_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_text("not a picture")
    with pytest.raises(DataError):
        load_crop(Sample(tmp_path / "a.png", "train", 0), 4)
