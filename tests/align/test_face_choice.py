"""Which faces of a picture are written."""

from __future__ import annotations

import pytest

from fercli.align.face_choice import choose_faces
from fercli.results import Face

POINTS = ((0.0, 0.0),) * 5
# largest first, as detectors sort them: a chair, a face at the left, a small one in the middle of 100 x 100
CHAIR = Face((60.0, 0.0, 100.0, 40.0), 0.72, POINTS)
LEFT = Face((0.0, 40.0, 30.0, 70.0), 0.99, POINTS)
MIDDLE = Face((45.0, 45.0, 55.0, 55.0), 0.95, POINTS)
FACES = (CHAIR, LEFT, MIDDLE)


@pytest.mark.parametrize(("choice", "indices"), [("all", [0, 1, 2]), ("largest", [1]), ("center", [2])])
def test_choose_faces__prefers_high_scores_unless_all_are_written(choice, indices):
    assert [index for index, _ in choose_faces(FACES, (100, 100), choice)] == indices


def test_choose_faces__takes_a_low_score_where_there_is_no_other():
    assert choose_faces([CHAIR], (100, 100), "largest") == [(0, CHAIR)]
    assert choose_faces([], (100, 100), "center") == []


def test_choose_faces__takes_the_labelled_face():
    assert choose_faces(FACES, (100, 100), "largest", labelled=(80.0, 20.0)) == [(0, CHAIR)]
    assert choose_faces(FACES, (100, 100), "all", labelled=(80.0, 20.0)) == list(enumerate(FACES))
