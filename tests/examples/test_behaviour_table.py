"""The table for a paper of docs/coding.md, with values computed by hand."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "behaviour_table.py"
SUMMARY = """\
source,level,track,person,in_view_s,share_neutral,share_happiness,share_anger,share_uncertain,\
episodes_neutral,episodes_happiness,episodes_anger
in/a.mp4,track,1,,60,0.5,0.4,0,0.1,1,2,0
in/a.mp4,track,2,,120,0.7,0.2,0,0.1,3,2,0
in/a.mp4,video,,,180,0.63,0.27,0,0.1,4,4,0
in/b.mp4,track,1,,30,0.9,0.1,0,0,2,1,0
in/b.mp4,person,2,Anna,30,0.8,0.1,0,0.1,2,0,0
"""


def test_table__has_means_and_deviations_over_people(tmp_path: Path):
    example = runpy.run_path(str(EXAMPLE))
    (tmp_path / "summary.csv").write_text(SUMMARY, encoding="utf-8")
    (tmp_path / "conditions.csv").write_text("video,condition\na.mp4,alone\nb.mp4,together\n", encoding="utf-8")
    table = example["table"](example["read_people"](tmp_path, tmp_path / "conditions.csv"))
    # 40 and 20 %: mean 30, SD 20 / sqrt(2); 2 episodes in one minute and 2 in two: 2 and 1 per minute
    assert table["alone"].to_dict() == {
        "people": "2",
        "minutes in view": "3.0",
        "neutral, % of time": "60.0 (14.1)",
        "happiness, % of time": "30.0 (14.1)",
        "uncertain, % of time": "10.0 (0.0)",
        "neutral, episodes per minute": "1.2 (0.4)",
        "happiness, episodes per minute": "1.5 (0.7)",
    }
    assert table["together"]["happiness, episodes per minute"] == "1.0 (1.4)"
    assert example["markdown"](table).splitlines()[3] == "| minutes in view | 3.0 | 1.0 |"


def test_table__names_videos_without_a_condition(tmp_path: Path):
    example = runpy.run_path(str(EXAMPLE))
    (tmp_path / "summary.csv").write_text(SUMMARY, encoding="utf-8")
    (tmp_path / "conditions.csv").write_text("video,condition\na.mp4,alone\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"no condition for b\.mp4"):
        example["read_people"](tmp_path, tmp_path / "conditions.csv")


def test_table__someone_with_a_name_is_one_person_in_all_videos(tmp_path: Path):
    example = runpy.run_path(str(EXAMPLE))
    head = "source,level,track,person,in_view_s,share_happiness,share_uncertain,episodes_happiness\n"
    rows = (
        "P1/day1.mp4,person,1,Anna,30,0.2,0,1\nP2/day1.mp4,person,1,Anna,90,0.6,0,2\nP2/day1.mp4,track,2,,60,0.1,0,0\n"
    )
    (tmp_path / "summary.csv").write_text(head + rows, encoding="utf-8")
    conditions = tmp_path / "conditions.csv"
    conditions.write_text("video,condition\nP1/day1.mp4,talk\nP2/day1.mp4,talk\n", encoding="utf-8")
    data = example["read_people"](tmp_path, conditions)
    # Anna: (30 s * 0.2 + 90 s * 0.6) / 120 s
    assert data.set_index("who")["share_happiness"].to_dict() == pytest.approx({"Anna": 0.5, "P2/day1.mp4 2": 0.1})
    assert example["table"](data)["talk"]["people"] == "2"
    conditions.write_text("video,condition\nday1.mp4,talk\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"several videos are called day1\.mp4"):
        example["read_people"](tmp_path, conditions)


def test_table__conditions_as_a_spreadsheet_saves_them(tmp_path: Path):
    example = runpy.run_path(str(EXAMPLE))
    (tmp_path / "summary.csv").write_text(SUMMARY, encoding="utf-8")
    conditions = tmp_path / "conditions.csv"
    conditions.write_text("video;condition\r\na.mp4;alone\r\nb.mp4;together\r\n;\r\n", encoding="utf-8-sig")
    data = example["read_people"](tmp_path, conditions)
    assert data["condition"].tolist() == ["alone", "alone", "together", "together"]
    conditions.write_text("clip,group\na.mp4,alone\n", encoding="utf-8")
    with pytest.raises(ValueError, match="the columns are clip, group, not video and condition"):
        example["read_people"](tmp_path, conditions)
