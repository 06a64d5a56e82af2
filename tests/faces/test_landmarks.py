"""Five points of 68."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.faces.landmarks import five_of_68


def test_five_of_68__are_eyes_nose_and_corners_of_the_mouth():
    # 300-W, counted from 0: eyes 36 to 41 and 42 to 47, tip of the nose 30, corners of the mouth 48 and 54
    points = [(float(number), 100.0 + number) for number in range(68)]
    assert five_of_68(np.ravel(points)) == ((38.5, 138.5), (44.5, 144.5), (30, 130), (48, 148), (54, 154))


def test_five_of_68__refuses_another_count():
    with pytest.raises(ValueError, match="got 5"):
        five_of_68([0.0] * 10)
