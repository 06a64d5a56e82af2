from __future__ import annotations

from fercli.faces.main_face import confident_faces, main_face
from fercli.results import Face


def _face(side: float, score: float) -> Face:
    return Face((0.0, 0.0, side, side), score, ((0.0, 0.0),) * 5)


def test_main_face__is_the_largest_confident_one():
    chair, person, child = _face(90, 0.7), _face(60, 0.99), _face(20, 0.95)
    assert main_face([chair, person, child]) is person
    assert confident_faces([chair, person, child]) == [(1, person), (2, child)]


def test_main_face__a_doubtful_one_is_better_than_none():
    one, other = _face(90, 0.7), _face(60, 0.8)
    assert main_face([one, other]) is one
    assert main_face([]) is None
