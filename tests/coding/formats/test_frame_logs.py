"""FaceReader's logs and OpenFace's csv, as their manuals lay them out."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.coding.annotations import Annotation
from fercli.coding.coders import read_coder
from fercli.coding.episodes import EpisodeOptions
from fercli.errors import DataError

DETAILED = """Video analysis detailed log
Face Model:\tGeneral
Date:\t1/1/2026
Filename:\tC:\\videos\\talk.mp4
Frame rate:\t10

Video Time\tNeutral\tHappy\tSad\tAngry\tSurprised\tScared\tDisgusted\tValence
00:00:00.000\t0.8\t0.1\t0\t0\t0\t0\t0\t0.1
00:00:00.100\t0.2\t0.7\t0\t0\t0\t0\t0\t0.6
00:00:00.200\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED
00:00:00.300\t0.1\t0.1\t0\t0\t0\t0.6\t0\t-0.6
"""
STATE = """Video analysis state log
Filename:\ttalk.mp4

Video Time\tEmotion
00:00:00.000\tNeutral
00:00:01.500\tHappy
00:01:02.000\tUnknown
"""


def frames(path: Path, text: str):
    path.write_text(text, encoding="utf-8")
    return read_coder(path, EpisodeOptions()).videos["talk"].frames


def rounded(items: tuple[Annotation, ...]) -> list[tuple[str, float, float]]:
    return [(item.label, round(item.onset_s, 6), round(item.offset_s, 6)) for item in items]


def test_facereader__the_highest_intensity_of_a_detailed_log(tmp_path: Path):
    assert rounded(frames(tmp_path / "log.txt", DETAILED).tiers["1"]) == [
        ("neutral", 0, 0.1),
        ("happiness", 0.1, 0.2),
        ("fear", 0.3, 0.4),
    ]


def test_facereader__the_states_of_a_state_log(tmp_path: Path):
    assert rounded(frames(tmp_path / "log.txt", STATE).tiers["1"]) == [("neutral", 0, 1.5), ("happiness", 1.5, 62)]


def test_openface__action_units_that_are_present(tmp_path: Path):
    text = (
        "frame, face_id, timestamp, confidence, success, AU06_c, AU12_c, AU12_r\n"
        "1, 0, 0.0, 0.98, 1, 0, 1, 2.0\n2, 0, 0.1, 0.98, 1, 1, 1, 2.5\n3, 0, 0.2, 0.1, 0, 1, 1, 2.5\n"
    )
    assert rounded(frames(tmp_path / "talk.csv", text).tiers["1"]) == [("AU12", 0, 0.2), ("AU6", 0.1, 0.2)]


def test_facereader__refuses_a_log_without_rows(tmp_path: Path):
    (tmp_path / "a.txt").write_text("Video analysis detailed log\n")
    with pytest.raises(DataError, match="no row `Video Time`"):
        read_coder(tmp_path / "a.txt", EpisodeOptions())
