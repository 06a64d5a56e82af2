"""Tables of events of fer, BORIS and Datavyu, and of unknown origin."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.coding.annotations import Annotation
from fercli.coding.coders import read_coder
from fercli.coding.episodes import EpisodeOptions
from fercli.errors import DataError


def read(path: Path, text: str):
    path.write_text(text, encoding="utf-8")
    return {name: dict(item.events.tiers) for name, item in read_coder(path, EpisodeOptions()).videos.items()}


def test_event_csv__of_fer(tmp_path: Path):
    text = (
        "source,person,expression,onset_s,apex_s,offset_s,duration_s,peak_probability,mean_probability\n"
        "in/a.mp4,1,happiness,0.5,0.7,1.5,1.0,0.9,0.8\nin/b.mp4,2,,,,,,,\n"
    )
    found = read(tmp_path / "events.csv", text)
    assert found["a"] == {"1": (Annotation("happiness", 0.5, 1.5),)}
    assert found["b"] == {}


def test_event_csv__with_semicolons_clock_times_and_milliseconds(tmp_path: Path):
    found = read(tmp_path / "a.csv", "Label;Start;End\nhappy;0:01,5;1:02,0\n")
    assert found["a"] == {"": (Annotation("happy", 1.5, 62.0),)}
    found = read(tmp_path / "a.csv", "label,onset_ms,offset_ms\nhappy,1500,2000\n")
    assert found["a"] == {"": (Annotation("happy", 1.5, 2.0),)}


def test_datavyu__has_a_column_of_cells_per_person(tmp_path: Path):
    text = (
        "child.ordinal,child.onset,child.offset,child.affect,parent.ordinal,parent.onset,parent.offset,parent.affect\n"
        "1,1000,2500,happy,1,0,500,neutral\n2,3000,3400,sad,,,,\n"
    )
    assert read(tmp_path / "talk.csv", text)["talk"] == {
        "child": (Annotation("happy", 1.0, 2.5), Annotation("sad", 3.0, 3.4)),
        "parent": (Annotation("neutral", 0.0, 0.5),),
    }


def test_event_csv__as_a_german_excel_saves_it(tmp_path: Path):
    text = "sep=;\r\nVideo;Person;Emotion;Beginn;Ende\r\na.MP4;Jörg;Ärger;0,5;00:02,25\r\n;;;;\r\n"
    (tmp_path / "x.csv").write_bytes(text.encode("cp1252"))
    videos = read_coder(tmp_path / "x.csv", EpisodeOptions()).videos
    assert {name: dict(item.events.tiers) for name, item in videos.items()} == {
        "a": {"Jörg": (Annotation("Ärger", 0.5, 2.25),)}
    }
    (tmp_path / "y.txt").write_bytes("Video\tLabel\tStart\tEnd\nb\tangry\t1\t2\n".encode("utf-16"))
    assert list(read_coder(tmp_path / "y.txt", EpisodeOptions()).videos) == ["b"]


def test_event_csv__with_durations_and_the_tables_of_praat(tmp_path: Path):
    found = read(tmp_path / "a.csv", "label,start (ms),duration (ms)\nhappy,1500,500\n")
    assert found["a"] == {"": (Annotation("happy", 1.5, 2.0),)}
    found = read(tmp_path / "a.tsv", "tmin\ttier\ttext\ttmax\n0.5\tAnna\thappy\t1.5\n")
    assert found["a"] == {"Anna": (Annotation("happy", 0.5, 1.5),)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,person,label,onset,offset\na.mp4,1,sad,0,1\n,,happy,1,2\n", "line 3: happy has no video, which other"),
        ("video,person,label,onset,offset\na.mp4,1,sad,0,1\na.mp4,,happy,1,2\n", "line 3: happy has no person"),
        ("source,person,expression,onset_s,offset_s\na.mp4,1,,,\n,,sad,0,1\n", "line 3: sad has no video"),
    ],
)
def test_event_csv__cells_that_were_merged_are_refused(text: str, message: str, tmp_path: Path):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_coder(tmp_path / "a.csv", EpisodeOptions())


def test_event_csv__another_video_may_be_without_people(tmp_path: Path):
    found = read(tmp_path / "a.csv", "video,person,label,onset,offset\na.mp4,1,sad,0,1\nb.mp4,,sad,1,2\n")
    assert found == {"a": {"1": (Annotation("sad", 0, 1),)}, "b": {"": (Annotation("sad", 1, 2),)}}


@pytest.mark.parametrize("offset", ["3600000", "1e999", "2000000"])
def test_event_csv__refuses_times_that_no_video_has(offset: str, tmp_path: Path):
    (tmp_path / "a.csv").write_text(f"label,onset,offset\nsad,0,1\nhappy,1,{offset}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.csv: happy ends at .* days"):
        read_coder(tmp_path / "a.csv", EpisodeOptions())


def warnings_of(path: Path, text: str) -> tuple[str, ...]:
    path.write_text(text, encoding="utf-8")
    return next(iter(read_coder(path, EpisodeOptions()).videos.values())).frames.warnings


def test_event_csv__warns_of_events_without_a_duration(tmp_path: Path):
    text = "label,onset,offset\nsad,0,1\nblink,1,1\nnod,2,2\nblink,2,2\n"
    assert warnings_of(tmp_path / "a.csv", text) == ("3 events without a duration (blink, nod): left out",)


@pytest.mark.parametrize(("first", "second", "warned"), [("12", "29", True), ("12", "31", False), ("00", "00", False)])
def test_event_csv__warns_of_numbers_of_frames(first: str, second: str, warned: bool, tmp_path: Path):
    lines = [f'sad,"0:00:0{at},{first}","0:00:0{at + 1},{second}"' for at in range(5)]
    found = warnings_of(tmp_path / "a.csv", "\n".join(["label,onset,offset", *lines]))
    assert [text.partition(" and are read as ")[0] for text in found] == (
        ["the last two digits of all times are below 30"] if warned else []
    )


def test_event_csv__leaves_out_point_events_of_boris(tmp_path: Path):
    text = "Media file name,Behavior,Behavior type,Start (s),Stop (s)\na.mp4,blink,POINT,1,1\na.mp4,smile,STATE,1,2\n"
    assert read(tmp_path / "b.csv", text)["a"] == {"": (Annotation("smile", 1, 2),)}


def test_datavyu__a_cell_without_an_offset_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="line 2: the cell h of face has no offset"):
        read(tmp_path / "a.csv", "face.ordinal,face.onset,face.offset,face.code\n1,500,0,h\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "video;label;onset;offset\na;sad;0;6\n\na;happy;19,6;9,4\n",
            r"line 4: happy ends at 9\.4 s, before it begins",
        ),
        ("label,start,end\nx,00:00:01:12,2\n", "line 2: '00:00:01:12' is not a time"),
        ("label,start,end\nx,-1,2\n", "line 2: '-1' is not a time"),
        ("label,start,end\nx,nan,2\n", "line 2: 'nan' is not a time"),
        ("label,start,end\nx,1,\n", "line 2: x has no end"),
        ("a,b\n1,2\n", "no column of the label"),
        ("label,start,end\nx,soon,2\n", "line 2: 'soon' is not a time"),
    ],
)
def test_event_csv__refuses_other_tables(text: str, message: str, tmp_path: Path):
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.csv", text)
