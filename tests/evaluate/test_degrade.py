"""What each degradation does to pixels, by hand; and that it does the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.errors import UsageError
from fercli.evaluate.degrade import DEGRADATIONS, KINDS, degrade, kinds_of

RGB = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_degrade__keeps_shape_and_type_and_repeats_itself(kind):
    before = RGB.copy()
    for severity in DEGRADATIONS[kind].severities:
        worse = degrade(RGB, kind, severity, seed=3)
        assert (worse.dtype, worse.shape) == (np.uint8, RGB.shape)
        assert (worse == degrade(RGB, kind, severity, seed=3)).all()
    assert (before == RGB).all()


@pytest.mark.parametrize("kind", KINDS)
def test_degrade__gets_worse_with_severity(kind, astronaut):
    face = astronaut[40:240, 130:330][::4, ::4]
    errors = [
        np.abs(degrade(face, kind, severity, seed=1).astype(int) - face).mean()
        for severity in DEGRADATIONS[kind].severities
    ]
    assert errors == sorted(errors)
    assert errors[-1] > errors[0]


def test_occlusion__covers_the_stated_share():
    black = np.zeros((40, 40, 3), np.uint8)
    for share in (0.05, 0.25):
        covered = (degrade(black, "occlusion", share, seed=5) == 128).all(axis=2)
        assert covered.mean() == pytest.approx(share, abs=0.012)  # whole pixels: 9 x 9 and 20 x 20


def test_occlusion__has_the_same_relative_position_at_every_severity():
    black = np.zeros((40, 40, 3), np.uint8)
    places = []
    for share in (0.05, 0.4):
        rows, columns = np.nonzero(degrade(black, "occlusion", share, seed=8)[..., 0])
        room = 40 - (rows.max() - rows.min() + 1)
        places.append((rows.min() / room, columns.min() / room))
    assert places[0] == pytest.approx(places[1], abs=0.05)


def test_lowres__has_no_more_detail_than_the_small_picture():
    # stripes of one pixel: at half the size only their mean is left; a picture as small as asked stays
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[:, ::2] = 200
    assert set(np.unique(degrade(stripes, "lowres", 20, seed=0))) == {100}
    assert degrade(stripes, "lowres", 40, seed=0) is stripes


def test_dark__leaves_the_stated_share_of_light_and_grey_grey():
    grey = np.full((60, 60, 3), 200, np.uint8)
    dark = degrade(grey, "dark", 0.25, seed=0)
    assert dark.mean() == pytest.approx(50, abs=0.2)
    assert dark[..., 0].std() == pytest.approx(2, abs=0.15)
    assert (dark == dark[..., :1]).all()


def test_blur__spreads_a_point_by_the_stated_deviation():
    point = np.zeros((101, 101, 3), np.uint8)
    point[50, 50] = 255
    bright = np.repeat(np.repeat(point, 1, 0), 1, 1)
    bright[48:53, 48:53] = 255  # 5 x 5: variance (25 - 1) / 12 = 2
    blurred = degrade(bright, "blur", 0.03, seed=0)[..., 0].astype(float)
    columns = np.arange(101)
    weights = blurred.sum(axis=0) / blurred.sum()
    variance = (weights * (columns - 50) ** 2).sum()
    assert variance == pytest.approx(2 + (0.03 * 101) ** 2, rel=0.1)


def test_crop_jitter__moves_by_the_stated_share():
    point = np.zeros((100, 100, 3), np.uint8)
    point[45:55, 45:55] = 255
    moved = degrade(point, "crop-jitter", 0.1, seed=2)[..., 0].astype(float)
    rows, columns = np.indices(moved.shape)
    centre = np.array([(moved * rows).sum(), (moved * columns).sum()]) / moved.sum()
    assert np.hypot(*(centre - 49.5)) == pytest.approx(10, abs=0.3)


def test_kinds_of__accepts_all_and_refuses_others():
    assert kinds_of(["jpeg", "occlusion", "jpeg"]) == ("occlusion", "jpeg")
    assert kinds_of(["all"]) == KINDS
    with pytest.raises(UsageError, match="rain"):
        kinds_of(["rain"])
