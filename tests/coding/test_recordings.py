"""Rows of videos as arrays: durations, people, what cannot be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fercli.coding.recordings import frame_ends, recordings, saved_recordings
from fercli.media.selection import FrameSelection
from fercli.results import Prediction
from fercli.rows.formats import open_table
from fercli.rows.read import read_rows
from fercli.rows.run_record import RunRecord


def test_frame_ends__a_frame_lasts_until_the_next_one():
    # variable frame rate: 0.1, 0.4 and 0.2 s; the last frame lasts as long as the one before it
    assert frame_ends(np.array([0, 0.1, 0.5, 0.7])).tolist() == pytest.approx([0.1, 0.5, 0.7, 0.9])
    assert frame_ends(np.array([3.0])).tolist() == [3.04]


def test_frame_ends__are_not_beyond_the_end_that_was_asked_for():
    # a clip of 20 frames per second, read up to 6 s: the last frame begins at 5.99 s
    assert frame_ends(np.array([5.94, 5.99]), 6.0).tolist() == pytest.approx([5.99, 6.0])
    assert frame_ends(np.array([2.0, 2.05]), 6.0).tolist() == pytest.approx([2.05, 2.1])  # the video ends before


def test_saved_recordings__end_where_the_run_did(rows_of, classes, tmp_path: Path):
    for name, selection, end_s in (("a", FrameSelection(end_s=0.25), 0.25), ("b", FrameSelection(), 0.3)):
        run = RunRecord(labels=classes, settings={"frames of videos": str(selection)})
        with open_table(tmp_path / f"{name}.csv", classes, run=run) as table:
            table.add(rows_of("nnn"))
        (recording,) = saved_recordings(read_rows(tmp_path / f"{name}.csv"))
        assert recording.end_s.tolist() == pytest.approx([0.1, 0.2, end_s])


def test_recordings__have_people_and_frames_without_a_face(rows_of, face_of, classes):
    rows = rows_of("n.!N")
    rows.insert(1, face_of(0.0, [0.1, 0.1, 0.8], frame=0, track=2, index=1, status="too_small"))
    (recording,) = recordings(rows, classes)
    assert recording.numbers.tolist() == [0, 1, 2, 3]
    assert recording.has_face.tolist() == [True, False, False, True]
    assert recording.decoded.tolist() == [True, True, False, True]
    one, two = recording.tracks
    assert (one.person, one.numbers, one.frames.tolist(), one.uncertain.tolist()) == (1, (1,), [0, 3], [False, True])
    assert (two.person, two.labels.tolist(), two.unreliable.tolist()) == (2, [2], [True])
    assert one.unreliable.tolist() == [False, False]  # a low probability still says something


def test_recordings__a_low_detection_score_is_unreliable(face_of, classes):
    (recording,) = recordings([face_of(0.0, [0.8, 0.1, 0.1], frame=0, status="uncertain", score=0.8)], classes)
    assert recording.tracks[0].unreliable.tolist() == [True]


def test_recordings__are_separated_by_source_and_where_frames_begin_again(rows_of, classes):
    picture = Prediction("b.jpg", "no_face", detail="no face detected")
    rows = [*rows_of("nn"), *rows_of("h"), picture, *rows_of("s", source="c.mp4")]
    found = list(recordings(rows, classes))
    assert [(recording.source, len(recording.numbers)) for recording in found] == [
        ("a.mp4", 2),
        ("a.mp4", 1),
        ("c.mp4", 1),
    ]


def test_recordings__without_tracking_the_largest_face_counts(face_of, classes):
    rows = [
        face_of(0.0, [0.8, 0.1, 0.1], frame=0, track=None),
        face_of(0.0, [0.1, 0.8, 0.1], frame=0, track=None, index=1),
    ]
    (recording,) = recordings(rows, classes)
    (track,) = recording.tracks
    assert (track.person, track.labels.tolist()) == (None, [0])
    assert recording.brief is None


def test_recordings__beside_tracks_a_face_without_one_is_brief(rows_of, face_of, classes):
    rows = rows_of("nn")
    rows += [face_of(0.1, [0.1, 0.1, 0.8], frame=1, track=None, index=index) for index in (1, 2)]
    (recording,) = recordings(rows, classes)
    assert [track.person for track in recording.tracks] == [1]
    assert recording.brief is not None
    assert (recording.brief.frames.tolist(), recording.brief.labels.tolist()) == ([1, 1], [2, 2])
