"""A folder of crops as one array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fercli.data.crop_folder import evenly_spaced, read_crop_folder
from fercli.errors import DataError


def test_read_crop_folder__reads_evenly_spaced_pictures_at_one_size(tmp_path: Path):
    for grey in range(5):
        Image.new("RGB", (6, 4), (grey * 50,) * 3).save(tmp_path / f"{grey}.png")
    crops = read_crop_folder(tmp_path, 3, limit=3)
    assert (crops.shape, crops.dtype) == ((3, 3, 3, 3), np.uint8)
    assert crops[:, 1, 1, 0].tolist() == [0, 100, 200]  # the first, the middle and the last of five


def test_read_crop_folder__without_pictures_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="contains no pictures"):
        read_crop_folder(tmp_path, 3, limit=3)


def test_evenly_spaced__has_no_more_than_there_are():
    assert evenly_spaced("abc", 9) == ["a", "b", "c"]
    assert evenly_spaced("abcdefg", 3) == ["a", "d", "g"]
