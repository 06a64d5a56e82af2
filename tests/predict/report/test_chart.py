"""Charts: geometry by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fercli.predict.report.chart import make_chart, time_table

LABELS = ("neutral", "happiness")
GAP = [np.nan, np.nan, np.nan]
# 4 bins of 1 s: neutral, a gap, happiness with certainty, happiness uncertain
MEANS = np.array([[0.9, 0.1, 0.0], GAP, [0.25, 0.75, 0.0], [0.4, 0.6, 1.0]])


def test_chart__stacks_classes_and_keeps_gaps():
    chart = make_chart(MEANS, LABELS, width_s=1.0, end_s=4.0, title="t")
    assert [area.label for area in chart.areas] == ["happiness", "neutral"]
    neutral = chart.areas[1].path  # 0 to 250 of 1000 at height 100 * (1 - 0.9), then from 500 on
    assert neutral.startswith("M0 100L0,10 250,10V100Z")
    assert "M500 100L500,75" in neutral
    assert [(band.label, band.path) for band in chart.strip] == [
        ("neutral", "M0 0H250V10H0Z"),
        ("happiness", "M500 0H750V10H500Z"),
        ("uncertain", "M750 0H1000V10H750Z"),
    ]
    assert chart.strip[2].fill == "url(#unsure)"
    assert json.loads(chart.data)["values"] == [[90, 10, 0], None, [25, 75, 0], [40, 60, 100]]


@pytest.mark.parametrize(
    ("end_s", "ticks"),
    [(0.5, ["0:00.0", "0:00.1"]), (60.0, ["0:00", "0:10"]), (7200.0, ["0:00", "15:00"])],
)
def test_chart__has_at_most_ten_ticks_at_round_times(end_s: float, ticks: list[str]):
    means = np.tile([0.9, 0.1, 0.0], (4, 1))
    chart = make_chart(means, LABELS, width_s=end_s / 4, end_s=end_s, title="t")
    assert len(chart.ticks) <= 10
    assert [tick.text for tick in chart.ticks][:2] == ticks


def test_chart__of_a_part_shows_the_times_of_the_video():
    chart = make_chart(MEANS, LABELS, width_s=1.0, end_s=4.0, begin_s=61.5, title="t")
    # a tick every half second, the first at the left edge; 1:03.0 is 1.5 s of 4 s to the right
    assert (chart.ticks[0].text, chart.ticks[0].left) == ("1:01.5", "0.00")
    assert ("1:03.0", "37.50") in [(tick.text, tick.left) for tick in chart.ticks]
    assert json.loads(chart.data)["begin"] == 61.5
    rows = list(time_table(MEANS, LABELS, width_s=1.0, end_s=4.0, begin_s=61.5).rows)
    assert rows[0][0] == "1:01.5 to 1:02.5"


def test_time_table__has_the_most_probable_class_of_each_span():
    rows = list(time_table(MEANS, LABELS, width_s=1.0, end_s=4.0).rows)
    assert rows[0] == ("0:00.0 to 0:01.0", "neutral", "90 %", "0 %")
    assert rows[1] == ("0:01.0 to 0:02.0", "not seen", "", "")
    assert rows[3] == ("0:03.0 to 0:04.0", "happiness", "60 %", "100 %")


def test_time_table__is_short_for_long_videos():
    means = np.tile([0.9, 0.1, 0.0], (512, 1))
    assert len(list(time_table(means, LABELS, width_s=1.0, end_s=512.0).rows)) <= 40
