"""Peak moments of a video."""

from __future__ import annotations

from fercli.predict.peaks import Peaks


def test_peaks__are_the_highest_that_are_apart():
    peaks: Peaks[str] = Peaks(2, apart_s=1.0)
    for score, time_s in ((0.5, 0.0), (0.9, 0.5), (0.8, 0.6), (0.6, 3.0), (0.7, 9.0)):
        if peaks.wants(score, time_s):
            peaks.put(score, time_s, f"at {time_s}")
    assert [(peak.score, peak.item) for peak in peaks.best] == [(0.9, "at 0.5"), (0.7, "at 9.0")]
