"""The canvases on which YuNet searches a picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fercli.faces.yunet_views import SMALL_PICTURE, render_views, views_of


def test_views__have_few_fixed_shapes_whatever_the_size_of_the_picture():
    sizes = [(height, width) for height in range(1, 2500, 83) for width in range(1, 2500, 61)]
    views = [view for size in sizes for view in views_of(*size, 20, 1600)]
    shapes = {view.on_fixed_canvas().shape for view in views}
    longer = {max(shape) for shape in shapes}
    assert longer == {320, 480, 640, 800, 960, 1280, 1600}
    assert len(shapes) <= 7 * len(longer)  # four aspect ratios, upright and wide
    assert all(height % 32 == width % 32 == 0 for height, width in {*shapes, *(view.shape for view in views)})


@pytest.mark.parametrize("size", [(1080, 1920), (1920, 1080), (960, 1280), (1, 1900), (48, 40), (853, 1280)])
def test_fixed_canvas__shifts_the_picture_by_whole_cells_and_keeps_it_inside(size: tuple[int, int]):
    for view in views_of(*size, 20, 1600):
        fixed = view.on_fixed_canvas()
        assert (fixed.size_wh, fixed.scale_xy) == (view.size_wh, view.scale_xy)
        for axis in (0, 1):
            assert (fixed.offset_xy[axis] - view.offset_xy[axis]) % 32 == 0
            assert 0 <= fixed.offset_xy[axis] <= fixed.shape[1 - axis] - fixed.size_wh[axis]


@pytest.mark.parametrize(
    ("size", "min_face_px", "shapes"),
    [
        ((360, 640), 40, [(192, 320)]),  # 40 px are 20 px of the canvas
        ((1080, 1920), 40, [(384, 640), (192, 320)]),  # 13 px
        ((1920, 1080), 40, [(640, 384), (320, 192)]),
        ((853, 1280), 20, [(512, 768), (224, 320)]),  # exactly 12 px
        ((562, 572), 20, [(480, 480), (320, 320)]),
        ((3000, 4000), 20, [(1216, 1600), (256, 320)]),  # limited by max_side
        ((350, 350), 20, [(320, 320)]),
        ((48, 48), 20, [(320, 320)]),
    ],
)
def test_views__show_the_smallest_face_with_twelve_pixels(
    size: tuple[int, int], min_face_px: int, shapes: list[tuple[int, int]]
):
    assert [view.shape for view in views_of(*size, min_face_px, 1600)] == shapes


def test_views__enlarge_a_small_picture_with_a_border():
    (view,) = views_of(48, 40, 20, 1600)
    assert (view.size_wh, view.offset_xy) == ((160, SMALL_PICTURE), (80, 64))
    (canvas,) = render_views(np.full((48, 40, 3), 99, np.uint8), [view])
    assert canvas[64:256, 80:240].min() == 99
    assert canvas.sum() == 99 * 3 * 160 * 192


def test_render__draws_the_coarse_view_like_one_of_the_picture_itself(astronaut: np.ndarray):
    picture = cv2.resize(astronaut, (1200, 900), interpolation=cv2.INTER_CUBIC)
    views = views_of(900, 1200, 20, 1600)
    fine, coarse = render_views(picture, views)
    assert (fine.shape, coarse.shape) == ((576, 736, 3), (256, 320, 3))
    direct = cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA)
    assert coarse[:8].max() == coarse[-8:].max() == 0
    assert np.abs(coarse[8:-8].astype(int) - direct).mean() < 1.5
