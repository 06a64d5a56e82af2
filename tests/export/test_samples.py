"""Images that an export is compared on and calibrated with."""

import numpy as np
import pytest

from fercli.errors import DataError
from fercli.export.samples import calibration_crops, comparison_crops, generated_images, preprocessing_images


def test_comparison_crops__too_few_different_faces_are_refused(tmp_path, astronaut):
    from PIL import Image

    for index in range(9):
        Image.fromarray(astronaut[20 * (index % 7) :][:100, :90]).save(tmp_path / f"{index}.png")
    with pytest.raises(DataError, match="has 7 different faces, the comparison needs at least 8"):
        comparison_crops(tmp_path, 48, count=32)


def test_preprocessing_images__are_evenly_spaced_in_the_folder(tmp_path):
    from PIL import Image

    for name in ("anger", "neutral", "sadness"):
        (tmp_path / name).mkdir()
        for index in range(20):
            Image.new("RGB", (4, 4), (index, 0, 0)).save(tmp_path / name / f"{index}.png")
    # 32 of 60 images: from the first to the last, not the first 32
    pictures = preprocessing_images(tmp_path, 48, count=32)
    assert pictures[0][0, 0, 0] == 0
    assert pictures[31][0, 0, 0] == 9  # sadness/9.png, the last by name
    # the folder's own size, and some at half, one and a half and three times the model's, none of them square
    shapes = [rgb.shape[:2] for rgb in pictures[32:]]
    assert [max(shape) / 48 for shape in shapes] == [0.5] * 3 + [1.5] * 3 + [3] * 3
    assert all(height != width for height, width in shapes)


def test_calibration_crops__are_not_those_of_the_comparison(tmp_path):
    from PIL import Image

    for index in range(60):
        Image.new("RGB", (4, 4), (4 * index, 0, 0)).save(tmp_path / f"{index:02}.png")
    compared, _ = comparison_crops(tmp_path, 48, count=32)
    calibrated = calibration_crops(tmp_path, compared, count=32)
    assert sorted({*compared[:, 0, 0, 0], *calibrated[:, 0, 0, 0]}) == [4 * index for index in range(60)]
    assert (len(compared), len(calibrated)) == (32, 28)
    # too few for both
    (tmp_path / "few").mkdir()
    for index in range(12):
        Image.new("RGB", (4, 4), (4 * index, 0, 0)).save(tmp_path / "few" / f"{index:02}.png")
    compared, _ = comparison_crops(tmp_path / "few", 48, count=32)
    assert len(compared) == len(calibration_crops(tmp_path / "few", compared, count=32)) == 12


def test_generated_images__are_the_same_at_every_call():
    images = generated_images(16, count=3)
    assert images.shape == (3, 16, 16, 3)
    np.testing.assert_array_equal(images, generated_images(16, count=5)[:3])
    assert len(np.unique(images.reshape(3, -1), axis=0)) == 3
