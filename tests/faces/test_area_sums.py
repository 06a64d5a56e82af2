"""Means over rectangles through a table of sums, against PyTorch's area interpolation."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.faces.area_sums import AreaSums


def _torch_area(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    import torch
    from torch.nn.functional import interpolate

    image = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float()
    means = interpolate(image, size=(height, width), mode="area")[0].permute(1, 2, 0).numpy()
    return (means - np.float32(127.5)) * np.float32(1 / 128)


@pytest.mark.parametrize("size", [(97, 120), (36, 21), (12, 12), (1, 1), (200, 333), (33, 23), (40, 92)])
def test_shrink__is_torchs_area_interpolation_scaled_for_the_networks(size: tuple[int, int]):
    rgb = np.random.default_rng(0).integers(0, 256, (97, 161, 3), dtype=np.uint8)
    np.testing.assert_allclose(AreaSums(rgb).shrink(*size), _torch_area(rgb, *size), atol=1e-6)


def test_shrink__is_torchs_in_every_column_at_any_width():
    rgb = np.random.default_rng(3).integers(0, 256, (2, 60, 3), dtype=np.uint8)
    sums = AreaSums(rgb)
    for width in range(1, 130):  # windows that end on the edge of a pixel, and inside one
        np.testing.assert_allclose(sums.shrink(1, width), _torch_area(rgb, 1, width), atol=1e-6)


def test_shrink__returns_some_rows_of_the_whole():
    rgb = np.random.default_rng(1).integers(0, 256, (80, 60, 3), dtype=np.uint8)
    sums = AreaSums(rgb)
    np.testing.assert_array_equal(sums.shrink(50, 31, slice(7, 20)), sums.shrink(50, 31)[7:20])


def test_crops__are_torchs_area_interpolation_of_each_part():
    rgb = np.random.default_rng(2).integers(0, 256, (90, 140, 3), dtype=np.uint8)
    boxes = np.array([[0, 0, 140, 90], [3, 5, 4, 6], [10, 20, 27, 81], [100, 50, 140, 90]], np.int32)
    crops = AreaSums(rgb).crops(boxes, 24)
    for crop, (left, top, right, bottom) in zip(crops, boxes, strict=True):
        np.testing.assert_allclose(crop, _torch_area(rgb[top:bottom, left:right], 24, 24), atol=1e-6)


def test_sums__of_a_picture_beyond_32_bits_stay_exact():
    white = np.full((3000, 3000, 3), 255, np.uint8)  # 2.3e9 > 2**31
    np.testing.assert_array_equal(AreaSums(white).shrink(7, 5), np.full((7, 5, 3), 255 / 128 - 127.5 / 128, np.float32))
