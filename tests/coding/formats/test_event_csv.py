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


def test_event_csv__aggregated_events_of_boris(tmp_path: Path):
    text = (
        "Observation id\tObservation date\tMedia file name\tSubject\tBehavior\tBehavior type\tStart (s)\tStop (s)\n"
        "obs1\t2026-01-01\tclips/a.mp4\tAnna\tsmile\tSTATE\t1.25\t2.5\n"
        "obs1\t2026-01-01\tclips/a.mp4\tNo focal subject\tfrown\tSTATE\t3\t4\n"
    )
    assert read(tmp_path / "boris.tsv", text)["a"] == {
        "Anna": (Annotation("smile", 1.25, 2.5),),
        "": (Annotation("frown", 3, 4),),
    }


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
        ("label,start,end\nx,00:00:01:12,2\n", "line 2: '00:00:01:12' is no time"),
        ("label,start,end\nx,-1,2\n", "line 2: '-1' is no time"),
        ("label,start,end\nx,nan,2\n", "line 2: 'nan' is no time"),
        ("label,start,end\nx,1,\n", "line 2: '' is no time"),
        ("a,b\n1,2\n", "no column of the label"),
        ("label,start,end\nx,soon,2\n", "line 2: 'soon' is no time"),
    ],
)
def test_event_csv__refuses_other_tables(text: str, message: str, tmp_path: Path):
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.csv", text)
