"""Time per expression and person."""

from __future__ import annotations

import numpy as np
import pytest

from fercli.predict.people import People, SeenFace


def _face(track: int | None, *probabilities: float, uncertain: bool = False) -> SeenFace:
    return SeenFace(track, np.array(probabilities), uncertain)


def test_people__time_is_that_of_the_frames_not_their_number():
    people: People[str] = People(2)
    # shown for 0.1 s, 0.4 s, 0.5 s and, as the one before, 0.5 s
    people.add(0.0, [_face(1, 0.9, 0.1)])
    people.add(0.1, [_face(1, 0.2, 0.8), _face(2, 0.6, 0.4)])
    people.add(0.5, [_face(1, 0.55, 0.45, uncertain=True)])
    people.add(1.0, [])
    (first,) = people.finish()  # the second is in view for less than half a second
    np.testing.assert_allclose(first.seconds, [0.1, 0.4])
    assert first.uncertain_s == pytest.approx(0.5)
    assert (first.track, first.first_s, first.last_s, first.faces) == (1, 0.0, 1.0, 3)
    assert people.folded.tracks == {2}
    assert people.folded.seen_s == pytest.approx(0.4)
    assert (people.frames, people.frames_without_face, people.faces, people.uncertain_faces) == (4, 1, 4, 1)
    assert people.end_s == pytest.approx(1.5)
    assert people.without_face_s == pytest.approx(0.5)


def test_people__timelines_show_gaps_and_have_one_width():
    people: People[str] = People(2)
    for number in range(100):  # 40 s: person 2 is there for the first second only
        faces = [_face(1, 0.9, 0.1)] if not 40 <= number < 60 else []
        people.add(number * 0.4, [*faces, _face(2, 0.3, 0.7)] if number < 3 else faces)
    one, two = people.finish()
    assert one.timeline.width_s == two.timeline.width_s
    means = one.timeline.means(people.end_s)
    times = (np.arange(len(means)) + 0.5) * one.timeline.width_s
    absent = (times > 16.1) & (times < 23.9)
    assert np.isnan(means[absent]).all()
    present = means[(times < 15.9) | (times > 24.1)]
    np.testing.assert_allclose(present, np.tile([0.9, 0.1, 0.0], (len(present), 1)), atol=1e-9)


def test_people__timelines_span_the_video_also_when_everyone_left_early():
    people: People[str] = People(2)
    for number in range(1000):
        people.add(number * 1.0, [_face(1, 0.9, 0.1)] if number < 5 else [])
    (person,) = people.finish()
    assert len(person.timeline.means(people.end_s)) * person.timeline.width_s >= 1000


def test_people__beyond_the_limit_only_the_sum_is_kept():
    people: People[str] = People(2, max_people=2)
    for number in range(30):
        people.add(number * 1.0, [_face(0, 0.9, 0.1), _face(1 + number // 10, 0.4, 0.6)])
    kept = people.finish()
    assert [person.track for person in kept] == [0, 3]  # 2 came when 1 had just left, 3 long after 1 left
    assert people.folded.tracks == {1, 2}
    assert people.folded.seen_s + sum(person.seen_s for person in kept) == pytest.approx(60)


def test_people__last_frame_ends_where_the_part_of_the_video_does():
    people: People[str] = People(2, until_s=1.0)
    for number in range(3):
        people.add(number * 0.4, [_face(1, 0.9, 0.1)])
    (person,) = people.finish()
    assert (person.seen_s, person.last_s, people.end_s) == pytest.approx((1.0, 1.0, 1.0))


def test_people__faces_without_a_track_are_counted_apart_beside_tracks():
    people: People[str] = People(2)
    for number in range(10):
        brief = [_face(None, 0.2, 0.8), _face(None, 0.3, 0.7)] if number == 3 else []
        people.add(number / 10, [_face(1, 0.9, 0.1), *brief])
    (person,) = people.finish()
    assert (person.track, people.faces) == (1, 12)
    assert (people.folded.brief_faces, people.folded.brief_s) == (2, pytest.approx(0.2))
    assert people.folded.tracks == set()


def test_people__without_tracking_the_largest_face_is_one_person():
    people: People[str] = People(2)
    for number in range(10):
        people.add(number / 10, [_face(None, 0.9, 0.1), _face(None, 0.2, 0.8)])
    (person,) = people.finish()
    assert person.seconds.tolist() == pytest.approx([1.0, 0.0])
    assert (person.track, person.faces, people.faces, people.folded.brief_faces) == (None, 10, 20, 0)
