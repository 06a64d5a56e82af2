"""Times of joined recordings."""

from __future__ import annotations

import pytest

from fercli.media.joined_times import JoinedTimes


def test_joined_times__keep_the_distance_of_tracks():
    times = JoinedTimes(1.0)
    assert [times.seconds(0, stamp, 0.5) for stamp in (1.0, 1.5)] == [0.0, 0.5]
    assert times.seconds(1, 1.2, 0.3) == pytest.approx(0.2)
    # the next recording begins again at 1.0; its sound comes first and later by 0.2 s than its picture
    assert times.seconds(1, 0.2, 0.3) == pytest.approx(1.0)
    assert times.seconds(0, 0.0, 0.5) == pytest.approx(0.8)
