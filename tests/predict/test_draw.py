"""Annotated copies."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fercli.predict.draw import annotate
from fercli.results import Face, Prediction

POINTS = ((0.0, 0.0),) * 5


def _read(box: tuple[float, float, float, float], label: str = "happiness", value: float = 0.9) -> Prediction:
    return Prediction(
        "a.jpg",
        "ok",
        detection=Face(box, 1.0, POINTS),
        face=0,
        label=label,
        probabilities={label: value, "x": 1 - value},
    )


def test_annotate__draws_the_box_and_leaves_the_rest():
    picture = np.full((400, 600, 3), 128, np.uint8)
    drawn = annotate(picture, [_read((200, 150, 300, 300))])
    assert drawn.shape == picture.shape
    assert (picture == 128).all()  # the original is untouched
    assert (drawn[150:300, 200] != 128).any(axis=-1).all()  # left side of the box
    assert (drawn[170:280, 210:290] == 128).all()  # the face itself
    assert (drawn[310:] == 128).all()


def test_annotate__bar_is_as_long_as_the_probability():
    def coloured(value: float) -> int:
        drawn = annotate(np.zeros((400, 600, 3), np.uint8), [_read((200, 150, 300, 300), value=value)])
        row = drawn[149]  # within the bar, which ends where the box begins
        return int((row == (240, 228, 66)).all(axis=-1).sum())

    assert coloured(0.6) / coloured(1.0) == pytest.approx(0.6, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (48, 48), (30, 900), (2000, 40), (360, 640)])
def test_annotate__takes_any_size_and_enlarges_small_ones(shape: tuple[int, int]):
    picture = np.zeros((*shape, 3), np.uint8)
    drawn = annotate(picture, [_read((-5, -5, shape[1] + 9, shape[0] + 9))])
    assert max(drawn.shape[:2]) >= 320
    zoom = drawn.shape[0] // shape[0]
    assert drawn.shape[:2] == (shape[0] * zoom, shape[1] * zoom)


def test_annotate__labels_of_neighbours_do_not_cover_each_other():
    picture = np.full((400, 600, 3), 128, np.uint8)
    side_by_side = [_read((200, 150, 240, 200)), _read((245, 150, 285, 200))]
    black = (annotate(picture, side_by_side) == 0).all(axis=-1)
    assert black[:150].any()  # one above
    assert black[202:].any()  # one below


def test_annotate__marks_a_picture_without_a_face():
    picture = np.full((400, 600, 3), 128, np.uint8)
    nothing = Prediction("a.jpg", "no_face", detail="no face detected")
    assert (annotate(picture, [nothing]) != 128).any()


def _on_track(prediction: Prediction, track: int, status: str = "ok") -> Prediction:
    return dataclasses.replace(prediction, track=track, status=status)


def test_annotate__a_track_keeps_its_colour_whatever_its_expression():
    picture = np.zeros((400, 600, 3), np.uint8)
    edges = [
        tuple(annotate(picture, [_on_track(_read((200, 150, 300, 300), label), track)])[225, 200])
        for label, track in (("happiness", 3), ("anger", 3), ("anger", 4))
    ]
    assert edges[0] == edges[1] != edges[2]


def test_annotate__an_uncertain_face_has_a_dashed_box():
    picture = np.full((400, 600, 3), 128, np.uint8)
    sure, unsure = (
        annotate(picture, [_on_track(_read((200, 150, 300, 300)), 1, status)])[160:290, 200]
        for status in ("ok", "uncertain")
    )
    assert len(np.unique(sure, axis=0)) == 1
    assert len(np.unique(unsure, axis=0)) == 2  # dashes on dark


@pytest.mark.parametrize("background", [0, 255])
def test_annotate__boxes_are_visible_on_dark_and_on_light(background: int):
    drawn = annotate(np.full((400, 600, 3), background, np.uint8), [_read((200, 150, 300, 300), "neutral", 0.6)])
    across = drawn[225, 190:212].astype(int).mean(axis=-1)
    assert np.ptp(across) > 120


@pytest.mark.parametrize("corner", [(0, 0), (540, 0), (0, 340), (540, 340)])
def test_annotate__labels_are_whole_at_the_borders(corner: tuple[int, int]):
    # the same face in the middle of a large picture shows the whole label: as many white pixels must be here
    left, top = corner
    here = annotate(np.full((400, 600, 3), 90, np.uint8), [_read((left, top, left + 60, top + 60))])
    middle = annotate(np.full((400, 600, 3), 90, np.uint8), [_read((270, 170, 330, 230))])
    assert (here > 180).all(axis=-1).sum() == (middle > 180).all(axis=-1).sum() > 100


def test_annotate__lists_the_best_classes_beside_a_face_where_there_is_room():
    picture = np.full((400, 600, 3), 128, np.uint8)
    wide = annotate(picture, [_read((200, 100, 320, 250))])
    assert (wide[110:160, 330:400] == 0).all(axis=-1).any()
    narrow = annotate(picture[:, :320], [_read((100, 100, 220, 250))])
    assert (narrow[110:160, 230:] == 128).all()


def test_annotate__draws_boxes_only_or_nothing():
    rgb = np.full((400, 400, 3), 90, np.uint8)
    face = Face((100.0, 100.0, 200.0, 200.0), 0.95, None)
    prediction = Prediction("a", "ok", None, None, 0, face, "fear", {"fear": 0.9, "anger": 0.1})
    np.testing.assert_array_equal(annotate(rgb, [prediction], drawn="nothing"), rgb)
    changed = np.argwhere((annotate(rgb, [prediction], drawn="boxes") != rgb).any(axis=2))
    inside = ((changed > 110) & (changed < 190)).all(axis=1)
    assert len(changed)
    assert not inside.any()  # the edges of the box
    assert changed.min() >= 95
    assert changed.max() <= 205  # no label beside it
