"""Which videos of codings are the same: names without suffix, folders where names occur twice."""

from __future__ import annotations

import pytest

from fercli.coding.annotations import Annotation, VideoAnnotations
from fercli.coding.coders import CodedByOne, Coder
from fercli.coding.same_videos import same_videos
from fercli.coding.video_names import common_end, short_names
from fercli.errors import DataError


def coder(name: str, *videos: str, program: bool = False) -> Coder:
    items = {"1": (Annotation("neutral", 0, 1),)}
    codings = [CodedByOne(VideoAnnotations(video, items), VideoAnnotations(video, items)) for video in videos]
    return Coder(name, dict(zip(short_names(videos), codings, strict=True)), ("neutral",) if program else None)


def paths(found) -> list[list[str | None]]:
    return [[None if coding is None else coding.frames.video for coding in video.codings] for video in found]


def test_same_videos__of_one_name_in_two_folders():
    warnings: list[str] = []
    machine = coder("results", "s/P01/day1.mp4", "s/P02/day1.mp4", "s/P03/day1.mp4", program=True)
    found = same_videos([coder("anna", "../P02/day1.mp4", "P01_day1"), machine], warnings)
    assert paths(found) == [["../P02/day1.mp4", "s/P02/day1.mp4"], ["P01_day1", "s/P01/day1.mp4"]]
    assert warnings == []
    with pytest.raises(DataError, match=r"anna: it is not clear which video is day1: P01_day1, P02_day1"):
        same_videos([machine, coder("anna", "day1.mp4")], warnings)


def test_same_videos__a_file_may_be_named_after_its_video_and_coder():
    warnings: list[str] = []
    machine = coder("results", "in/talk.mp4", "in/talk2.mp4", program=True)
    (found,) = same_videos([coder("anna", "talk_anna"), machine], warnings)
    assert (found.name, warnings) == ("talk", ["talk_anna is taken for the video talk"])
    assert same_videos([coder("anna", "talk_anna.mp4"), machine], []) == []


def test_same_videos__single_ones_are_the_same_if_no_video_is_linked():
    warnings: list[str] = []
    (found,) = same_videos([coder("anna", "coding"), coder("results", "in/talk.mp4", program=True)], warnings)
    assert paths([found]) == [["coding", "in/talk.mp4"]]
    assert warnings == ["the names of the videos differ and are taken for one video (anna: coding, results: talk)"]


def test_same_videos__two_of_three_coders_are_enough():
    warnings: list[str] = []
    found = same_videos([coder("a", "x.mp4", "y.mp4"), coder("b", "y.mp4", "z.mp4"), coder("c", "z.mp4")], warnings)
    assert paths(found) == [["y.mp4", "y.mp4", None], [None, "z.mp4", "z.mp4"]]
    assert warnings == ["only a has x (1 video): not compared"]


def test_short_names__of_a_path_without_a_name_is_a_name():
    # a table can name anything as its source
    names = short_names(["..", ".", "/", "a.mp4"])
    assert names[-1] == "a"
    assert all(names)
    assert common_end("..", "a.mp4") == 0
