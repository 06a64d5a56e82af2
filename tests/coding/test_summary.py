"""Time per expression, computed by hand."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fercli.coding.episodes import EpisodeOptions
from fercli.coding.recordings import recordings
from fercli.coding.summary import summaries, whole_shares
from fercli.coding.tables import summary_columns, summary_row, write_events, write_summary
from fercli.rows.run_record import RunRecord, read_settings

PLAIN = EpisodeOptions(smooth_s=0, enter=0.6, leave=0.5, min_duration_s=0, merge_gap_s=0)


def test_summary__counts_time_not_frames(face_of, classes):
    # a happy frame is held for 0.8 s, two neutral ones for 0.1 s each (the last one as long as the one before it)
    happy, neutral = [0.1, 0.9, 0.0], [0.7, 0.2, 0.1]
    rows = [face_of(0, happy, frame=0), face_of(0.8, neutral, frame=1), face_of(0.9, neutral, frame=2)]
    (recording,) = recordings(rows, classes)
    person, video = summaries(recording, PLAIN)
    assert person.shares.tolist() == pytest.approx([0.2, 0.8, 0, 0])
    assert (person.in_view_s, person.first_s, person.last_s, person.frames) == pytest.approx((1.0, 0, 1.0, 3))
    assert person.mean_probability == pytest.approx(0.8 * 0.9 + 0.2 * 0.7)
    assert person.mean_probabilities is not None
    assert person.mean_probabilities.tolist() == pytest.approx([0.22, 0.76, 0.02])
    assert person.episodes.tolist() == [1, 1, 0]
    assert video.shares.tolist() == person.shares.tolist()


def test_summary__of_a_video_adds_its_people_up(rows_of, face_of, classes):
    rows = rows_of("nnhH..!n")
    rows.insert(1, face_of(0.0, [0.1, 0.1, 0.8], frame=0, track=2, index=1))
    (recording,) = recordings(rows, classes)
    one, two, video = summaries(recording, PLAIN)
    assert one.seconds.tolist() == pytest.approx([0.3, 0.1, 0])
    assert (one.uncertain_s, one.in_view_s) == pytest.approx((0.1, 0.5))
    assert (two.person, two.tracks, two.in_view_s) == (2, (2,), pytest.approx(0.1))
    assert (video.level, video.person, video.in_view_s) == ("video", None, pytest.approx(0.6))
    assert (video.frames_without_face, video.without_face_s, video.not_decoded_s) == (
        2,
        pytest.approx(0.2),
        pytest.approx(0.1),
    )
    assert video.seconds.tolist() == pytest.approx([0.3, 0.1, 0.1])
    assert video.shares.sum() == pytest.approx(1)


def test_summary__of_a_video_without_anybody(rows_of, classes):
    (recording,) = recordings(rows_of("...."), classes)
    (video,) = summaries(recording, PLAIN)
    assert (video.in_view_s, video.mean_probability, video.mean_probabilities) == (0, None, None)
    assert video.shares.tolist() == [0, 0, 0, 0]
    assert summary_row(video)[summary_columns(classes).index("without_face_s")] == pytest.approx(0.4)


def test_summary__of_a_named_person_has_the_numbers_of_all_tracks(rows_of, face_of, classes):
    rows = rows_of("nnhh")
    rows += [face_of(0.4 + i / 10, [0.8, 0.1, 0.1], frame=4 + i, track=3) for i in range(2)]
    rows = [replace(row, person="7") for row in rows]  # a name may be a number
    rows.append(face_of(0.5, [0.8, 0.1, 0.1], frame=5, track=7, index=1))
    (recording,) = recordings(rows, classes)
    named, track, _ = (
        dict(zip(summary_columns(classes), summary_row(item), strict=True)) for item in summaries(recording)
    )
    assert [(item["level"], item["track"], item["person"]) for item in (named, track)] == [
        ("person", "1 3", "7"),
        ("track", "7", None),
    ]
    assert (named["in_view_s"], track["in_view_s"]) == pytest.approx((0.6, 0.1))


def test_summary__of_a_video_includes_faces_without_a_track(rows_of, face_of, classes):
    rows = rows_of("nnhh")
    rows += [face_of(0.3, [0.1, 0.1, 0.8], frame=3, track=None, index=index) for index in (1, 2)]
    (recording,) = recordings(rows, classes)
    track, video = summaries(recording, PLAIN)
    assert (track.in_view_s, video.in_view_s) == pytest.approx((0.4, 0.6))
    assert video.seconds.tolist() == pytest.approx([0.2, 0.2, 0.2])
    assert video.episodes.tolist() == track.episodes.tolist() == [1, 1, 0]


def test_whole_shares__add_up_to_one_exactly():
    thirds = whole_shares([1, 1, 1])
    assert sorted(thirds) == [0.333333, 0.333333, 0.333334]
    random = np.random.default_rng(0).dirichlet(np.full(9, 0.1), size=50)
    for shares in random:
        rounded = whole_shares(shares.tolist())
        assert sum(round(share * 1e6) for share in rounded) == 1_000_000
        assert np.abs(np.array(rounded) - shares).max() < 1.0001e-6


def test_write_summary__has_columns_by_class_and_its_settings(rows_of, classes, tmp_path: Path):
    (recording,) = recordings(rows_of("nnhH"), classes)
    run = RunRecord("fer 1", labels=classes, settings={"tracking": "on"})
    write_summary(tmp_path / "summary.csv", summaries(recording, PLAIN), classes, run, PLAIN, bom=True)
    with (tmp_path / "summary.csv").open(newline="", encoding="utf-8-sig") as file:
        person, video = csv.DictReader(file)
    assert [(row["level"], row["track"], row["person"]) for row in (person, video)] == [
        ("track", "1", ""),
        ("video", "", ""),
    ]
    assert (person["seconds_neutral"], person["share_neutral"], person["share_uncertain"]) == ("0.2", "0.5", "0.25")
    assert (person["episodes"], person["episodes_happiness"], person["frames_without_face"]) == ("2", "1", "")
    settings = read_settings(tmp_path / "summary.csv").settings
    assert settings["tracking"] == "on"
    assert settings["episode thresholds"] == "enter at 0.6, leave below 0.5"


def test_write_events__of_a_person(rows_of, classes, tmp_path: Path):
    from fercli.coding.episodes import episodes

    (recording,) = recordings(rows_of("nnhh"), classes)
    write_events(tmp_path / "events.csv", episodes(recording, PLAIN), RunRecord(), PLAIN)
    assert (tmp_path / "events.csv").read_text().splitlines() == [
        "source,track,person,expression,onset_s,apex_s,offset_s,duration_s,peak_probability,mean_probability,baseline",
        "a.mp4,1,,neutral,0.0,0.0,0.2,0.2,0.8,0.8,",
        "a.mp4,1,,happiness,0.2,0.2,0.4,0.2,0.8,0.8,",
    ]
    assert json.loads((tmp_path / "events.csv.settings.json").read_text())["settings"]["episode thresholds"]
