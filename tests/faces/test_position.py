"""The position of faces in crops, from landmarks set by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.config.templates import TEMPLATES
from fercli.faces.position import face_position

ARCFACE = np.array(TEMPLATES["arcface"].points)


def moved(right: float, down: float = 0.0) -> np.ndarray:
    return np.add(ARCFACE, (right, down))


def test_face_position__recognises_crops_of_a_template():
    position = face_position(np.stack([ARCFACE] * 3))
    assert (position.template, position.aligned, position.known, position.faces) == ("arcface", True, True, 3)
    assert position.distance == pytest.approx(0)


def test_face_position__measures_distance_as_root_mean_square():
    # all five points 3 % to the right and 4 % down: 5 % away
    position = face_position(np.stack([moved(0.03, 0.04)]))
    assert position.distance == pytest.approx(0.05)
    assert position.spread == 0


def test_face_position__crops_by_a_box_are_not_aligned():
    # faces shifted to the left and to the right by 8 %, one in the middle
    position = face_position(np.stack([moved(-0.08), ARCFACE, moved(0.08), moved(0.08)]))
    assert not position.aligned
    assert position.spread == pytest.approx(0.04)  # the middle is at +4 %


def test_face_position__is_robust_to_one_false_detection():
    position = face_position(np.stack([ARCFACE] * 4 + [ARCFACE + 0.7]))
    assert (position.spread, position.distance) == (0, 0)


@pytest.mark.parametrize("points", [np.zeros((0, 5, 2)), np.zeros((3, 68, 2)), np.zeros((5, 2))])
def test_face_position__refuses_other_shapes(points):
    with pytest.raises(ValueError, match="F, 5, 2"):
        face_position(points)
