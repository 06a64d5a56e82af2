"""Exports of events as BORIS 8.27 writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fercli.coding.annotations import Annotation
from fercli.coding.coders import read_coder
from fercli.coding.episodes import EpisodeOptions
from fercli.errors import DataError

AGGREGATED = (
    "Observation id\tObservation date\tDescription\tObservation type\tSource\tTime offset (s)\tCoding duration\t"
    "Media duration (s)\tFPS (frame/s)\tSubject\tObservation duration by subject by observation\tBehavior\t"
    "Behavioral category\tBehavior type\tStart (s)\tStop (s)\tDuration (s)\tMedia file name\tComment start\n"
)
TABULAR = (
    "Observation id,Observation date,Description,Observation duration,Observation type,Source,Time offset (s),"
    "Media duration (s),FPS,Subject,Behavior,Behavioral category,Behavior type,Time,Media file name,Comment\n"
)


def aggregated(name: str, source: str, lengths: str, *events: str, offset: str = "0", media: str = "Not found") -> str:
    """Rows of an observation. events: subject, behaviour, type, start and stop."""
    rows = ""
    for event in events:
        subject, behaviour, kind, start, stop = event.split()
        subject = subject.replace("_", " ")
        rows += (
            f"{name}\t2026-11-28 12:52:47\t\tMedia file\t{source}\t{offset}\t5.000\t{lengths}\t25.000\t{subject}\t2.5\t"
            f"{behaviour}\tNot defined\t{kind}\t{start}\t{stop}\tNA\t{media}\t\n"
        )
    return rows


def tabular(*events: str) -> str:
    """Rows of an observation of wolf.mp4. events: subject, behaviour, type and time."""
    rows = ""
    for event in events:
        subject, behaviour, kind, time = event.split()
        rows += (
            f"one,2026-11-28 12:52:47,,5.000,Media file(s),player #1:wolf.mp4,0,20.000,25.000,{subject},{behaviour},"
        )
        rows += f"Not defined,{kind},{time},wolf.mp4,\n"
    return rows


def read(path: Path, text: str):
    path.write_text(text, encoding="utf-8")
    return {name: dict(item.events.tiers) for name, item in read_coder(path, EpisodeOptions()).videos.items()}


def test_boris_export__has_the_times_of_the_video(tmp_path: Path):
    events = ("Anna happiness STATE 101.000 103.500", "No_focal_subject sadness STATE 104.000 106.000")
    text = AGGREGATED + aggregated("one", "player #1:wolf.mp4", "20.000", *events, offset="100")
    assert read(tmp_path / "a.tsv", text) == {
        "wolf": {"Anna": (Annotation("happiness", 1.0, 3.5),), "": (Annotation("sadness", 4.0, 6.0),)}
    }


def test_boris_export__files_that_are_played_one_after_the_other(tmp_path: Path):
    events = ("Anna happiness STATE 2 4", "Anna happiness STATE 15 16", "Anna sadness STATE 8 13")
    text = AGGREGATED + aggregated("list", "player #1:a.mp4;b.mp4", "10.000;20.000", *events, media="a.mp4")
    assert read(tmp_path / "a.tsv", text) == {
        "a": {"Anna": (Annotation("happiness", 2, 4), Annotation("sadness", 8, 10))},
        "b": {"Anna": (Annotation("sadness", 0, 3), Annotation("happiness", 5, 6))},
    }


def test_boris_export__of_two_cameras_is_about_the_first(tmp_path: Path):
    source = "player #1:front/c.mp4|player #2:side/d.mp4"
    text = AGGREGATED + aggregated("two", source, "10.000|10.000", "Anna blink POINT 1 1", "Anna fear STATE 1 2")
    assert read(tmp_path / "a.tsv", text) == {"c": {"Anna": (Annotation("fear", 1, 2),)}}


def test_boris_export__tabular_events_are_paired(tmp_path: Path):
    text = TABULAR + tabular("Anna sadness START 1.0", "Ben sadness START 2.0", "Anna blink POINT 2.5")
    text += tabular("Anna sadness STOP 3.0", "Ben sadness STOP 4.5")
    assert read(tmp_path / "a.csv", text) == {
        "wolf": {"Anna": (Annotation("sadness", 1, 3),), "Ben": (Annotation("sadness", 2, 4.5),)}
    }


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (["Anna sadness START 1.0"], "observation one: sadness of Anna begins at 1.00 s and never ends"),
        (["Anna sadness STOP 1.0"], "line 2: sadness ends, but never began"),
        (["Anna blink POINT 1.0"], "only point events"),
        (["Anna sadness START NA"], "line 2: 'NA' is not a time"),
    ],
)
def test_boris_export__errors_say_where(events: list[str], message: str, tmp_path: Path):
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.csv", TABULAR + tabular(*events))
