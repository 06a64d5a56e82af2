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


@pytest.mark.parametrize(
    ("text", "message"),
    [("a,b\n1,2\n", "no column of the label"), ("label,start,end\nx,soon,2\n", "line 2: 'soon' is no time")],
)
def test_event_csv__refuses_other_tables(text: str, message: str, tmp_path: Path):
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.csv", text)
