"""Episodes: computed by hand on short videos of ten frames a second."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fercli.coding.episodes import Episode, EpisodeOptions, episodes, smooth
from fercli.coding.recordings import recordings
from fercli.errors import UsageError

PLAIN = EpisodeOptions(smooth_s=0, enter=0.6, leave=0.5, min_duration_s=0, merge_gap_s=0)


def found(rows, classes, options: EpisodeOptions = PLAIN) -> list[Episode]:
    (recording,) = recordings(rows, classes)
    return episodes(recording, options)


def spans(found: list[Episode]) -> list[tuple[str, float, float]]:
    return [(episode.expression, round(episode.onset_s, 6), round(episode.offset_s, 6)) for episode in found]


def test_episodes__are_runs_of_one_expression(rows_of, classes):
    assert spans(found(rows_of("nnnhhhhnNn"), classes)) == [
        ("neutral", 0, 0.3),
        ("happiness", 0.3, 0.7),
        ("neutral", 0.7, 0.8),
        ("neutral", 0.9, 1.0),
    ]


def test_episodes__leave_later_than_they_enter(face_of, classes):
    # 0.55 is enough to stay, not to enter
    happiness = [0.55, 0.55, 0.65, 0.7, 0.55, 0.45, 0.55]
    rows = [face_of(i / 10, [0.02, p, 0.98 - p], frame=i) for i, p in enumerate(happiness)]
    (episode,) = [item for item in found(rows, classes) if item.expression == "happiness"]
    assert (episode.onset_s, episode.apex_s, episode.offset_s) == pytest.approx((0, 0.3, 0.5))
    assert (episode.peak, episode.mean, episode.duration_s) == pytest.approx((0.7, 0.6, 0.5))


def test_episodes__merge_over_short_gaps_and_drop_short_ones(rows_of, classes):
    rows = rows_of("hhhh.hhhhnhhhh......hhhhs")
    options = EpisodeOptions(smooth_s=0, enter=0.6, leave=0.5, min_duration_s=0.2, merge_gap_s=0.2)
    # the gap of one frame and the single neutral frame are bridged, the absence of 0.6 s is not; the last frame is too short
    assert spans(found(rows, classes, options)) == [("happiness", 0, 1.4), ("happiness", 2.0, 2.4)]


def test_episodes__of_one_person_never_overlap(classes, face_of):
    random = np.random.default_rng(0)
    rows = [face_of(i / 30, random.dirichlet([0.5, 0.5, 0.5]), frame=i) for i in range(600)]
    items = found(
        rows, classes, EpisodeOptions(smooth_s=0.2, enter=0.5, leave=0.3, min_duration_s=0.1, merge_gap_s=0.2)
    )
    assert len(items) > 20
    assert all(before.offset_s <= after.onset_s + 1e-9 for before, after in itertools.pairwise(items))
    assert all(episode.onset_s <= episode.apex_s < episode.offset_s for episode in items)


def test_episodes__ignore_faces_that_are_unreliable(face_of, classes):
    rows = [face_of(i / 10, [0.1, 0.8, 0.1], frame=i, status="too_small" if i >= 5 else "ok") for i in range(10)]
    assert spans(found(rows, classes)) == [("happiness", 0, 0.5)]
    assert found(rows[5:], classes) == []


def test_smooth__is_the_mean_of_a_centred_window():
    begin = np.arange(5) / 10
    values = np.array([0, 0, 1, 0, 0], float)[:, None]
    # a window of 0.3 s covers three frames of 0.1 s; at the ends it is cut off to two
    smoothed = smooth(values, begin, begin + 0.1, 0.3, max_gap_s=0)
    assert smoothed.ravel().tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0])
    # a frame that is shown for longer weighs more: at its middle it fills the window
    held = smooth(np.array([[0.0], [1.0]]), np.array([0, 0.1]), np.array([0.1, 1.0]), 0.3, max_gap_s=0)
    assert held.ravel().tolist() == pytest.approx([0.1 / 0.2 * 1, 1])


def test_smooth__does_not_reach_over_a_long_absence():
    begin, values = np.array([0, 0.1, 1.0]), np.array([[0.0], [0.0], [1.0]])
    assert smooth(values, begin, begin + 0.1, 5.0, max_gap_s=0.5).ravel().tolist() == [0, 0, 1]
    joined = smooth(values, begin, begin + 0.1, 5.0, max_gap_s=0.9).ravel().tolist()
    assert joined == pytest.approx([1 / 3] * 3)  # the gap itself has no weight


@pytest.mark.parametrize(
    "values", [{"enter": 0.4, "leave": 0.5}, {"enter": 1.1}, {"smooth_s": -1}, {"merge_gap_s": -0.1}]
)
def test_episode_options__are_checked(values):
    with pytest.raises(UsageError):
        EpisodeOptions(**values)
